"""A small log with a story: w3wp.exe on WEB01 checks Slow.dll and waits 10 s, then 5 s, for a server that never answers.

Start records are late, as Windows 7 writes them: each carries the time of the first record inside its operation.
"""

from __future__ import annotations

from uuid import UUID

from evtx_bytes import NINE_O_CLOCK, El, Event, log_of

SECOND = 10_000_000
TASK = UUID("1cb1fe4b-d685-48fc-a3fa-42893e4c1717")
URL = "http://crl.example/ca.crl"
FILE = r"C:\inetpub\bin\Slow.dll"
CLOCK = "2016-02-15T08:53:20.000Z"  # NINE_O_CLOCK, the start of the chain
FLAGS = {"value": "48000001", "CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT": "true"}


def story(
    *, url: str = URL, file: str = FILE, process: str = "w3wp.exe", task: UUID = TASK, first: int = 1
) -> list[Event]:
    """Twelve records: VerifyTrust > BuildChain > two revocation checks, each with one retrieval that times out."""
    events: list[Event] = []

    def add(event_id: int, number: int, opcode: int, *, at: float, name: str, parts: tuple = ()) -> None:
        seq = len(events) + 1
        aux = {"TaskId": f"{{{str(task).upper()}}}", "SeqNumber": str(seq)}
        common = (El("EventAuxInfo", {"ProcessName": process}), El("CorrelationAuxInfo", aux))
        content = El(name, parts=(*parts[:-1], *common, parts[-1]) if parts else common)
        events.append(
            Event(first + seq - 1, content, event_id=event_id, task=number, opcode=opcode, ticks=round(at * SECOND))
        )

    add(80, 80, 1, at=10, name="WinVerifyTrustStart")
    add(10, 11, 1, at=10, name="CertGetCertificateChainStart")
    for limit, left, at in (("PT10S", "PT20S", 10), ("PT5S", "PT10S", 15)):
        add(40, 41, 1, at=at, name="CertVerifyRevocationStart")
        add(52, 53, 1, at=at, name="CryptRetrieveObjectByUrlWireStart")
        add(53, 53, 2, at=at, name="CryptRetrieveObjectByUrlWire", parts=_retrieval(url, limit))
        add(41, 41, 2, at=at, name="CertVerifyRevocation", parts=_check(left))
    chain = El("CertificateChain", {"chainRef": "{6BAB0C7C-3E12-4D24-AFD4-0779C836408E}"})
    subject = El("Certificate", {"fileRef": "AB" * 20 + ".cer", "subjectName": "Contoso Code Signing"})
    add(
        11,
        11,
        2,
        at=15,
        name="CertGetCertificateChain",
        parts=(subject, El("Flags", FLAGS), chain, _result("80092013")),
    )
    target = El("FileInfo", {"filePath": file, "hasFileHandle": "true"})
    add(81, 80, 2, at=15, name="WinVerifyTrust", parts=(target, chain, _result("0")))
    return events


def _result(code: str) -> El:
    return El("Result", {"value": code})


def _retrieval(url: str, limit: str) -> tuple[El, ...]:
    steps = El("AdditionalInfo", parts=(El("Action", {"name": "NoProxy"}),))
    return (El("URL", {"scheme": "http"}, (url,)), El("Timeout", parts=(limit,)), steps, _result("2EE2"))


def _check(left: str) -> tuple[El, ...]:
    flags = El("Flags", {"value": "4", "CERT_VERIFY_REV_ACCUMULATIVE_TIMEOUT_FLAG": "true"})
    return (flags, El("AdditionalParameters", {"currentTime": CLOCK, "urlRetrievalTimeout": left}), _result("80092013"))


def small() -> bytes:
    """The story as a file."""
    return log_of(story())


def hostile() -> bytes:
    """The same, with texts that try to act: markup, terminal codes, formulas, direction marks, line breaks."""
    url, file = "=cmd|'/c calc'!A1\r\n@SUM(1)", "C:\\\u202egpj.exe<script>alert(1)</script>.dll"
    return log_of(story(url=url, file=file, process="+w3\x1b[31mwp.exe"))


def damaged() -> bytes:
    """The story, and a second one whose last record lost its payload."""
    second = story(task=UUID(int=7), first=13)
    data = bytearray(log_of(story(), second))
    last = data.rindex(b"**\0\0")
    for place in range(last + 40, last + 104):
        data[place] ^= 0xFF
    return bytes(data)


assert NINE_O_CLOCK % SECOND == 0
