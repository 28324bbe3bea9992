"""How the cost grows with the work: each kind of much, at n and 2n, in one run.

    python tests/benchmarks/growth.py [KIND …]     a row for each kind and step; exit code 1 if a step grows as a square

Kinds: processes (each with a URL of its own), computers, start-ups (of one computer), members (of an archive).
"""

from __future__ import annotations

import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capi2kit.analysis import analyse
from capi2kit.case import load
from capi2kit.questions.prefetch import prefetch
from capi2kit.questions.whatif import whatif
from capi2kit.render import html, text
from capi2kit.render.sections import tell

SQUARE = 3.0  # time at 2n over time at n: 2 is linear, 4 a square
NOTICEABLE_S = 1.0
EVENT = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
    '<Provider Name="Microsoft-Windows-CAPI2"/><EventID>53</EventID><Level>4</Level><Task>53</Task><Opcode>2</Opcode>'
    '<TimeCreated SystemTime="2020-01-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"/><EventRecordID>{n}</EventRecordID>'
    '<Execution ProcessID="{pid}" ThreadID="2000"/><Channel>Microsoft-Windows-CAPI2/Operational</Channel>'
    '<Computer>H{host}.contoso.example</Computer><Security UserID="S-1-5-18"/></System><UserData>'
    '<CryptRetrieveObjectByUrlWire><URL scheme="http">http://h{url}.example/{url}.crl</URL>'
    '<Object type="CONTEXT_OID_CRL" constant="2"/><Timeout>PT15S</Timeout><Flags value="2020A5"/><AdditionalInfo>'
    '<Action name="NetworkRetrievalWinHttp"><Error value="2EE2">The operation timed out</Error></Action></AdditionalInfo>'
    '<EventAuxInfo ProcessName="p{process}.exe"/><CorrelationAuxInfo TaskId="{{{n:08x}-1111-1111-1111-111111111111}}" '
    'SeqNumber="2"/><Result value="5B4">The timeout period expired.</Result></CryptRetrieveObjectByUrlWire></UserData></Event>'
)


def _events(count: int, **how: Callable[[int], int]) -> str:
    """So many timed-out retrievals; `how` chooses pid, host, url and process by number."""
    same = dict.fromkeys(("pid", "host", "url", "process"), lambda n: 4)
    chosen = same | how
    lines = (
        EVENT.format(
            n=n,
            day=1 + n // 86400 % 28,
            hour=n // 3600 % 24,
            minute=n // 60 % 60,
            second=n % 60,
            **{name: choose(n) for name, choose in chosen.items()},
        )
        for n in range(count)
    )
    return f"<Events>{''.join(lines)}</Events>"


def processes(folder: Path, n: int) -> Path:
    """Each process asks for a URL of its own."""
    return _written(folder, _events(n, pid=lambda i: i + 4, url=lambda i: i, process=lambda i: i))


def computers(folder: Path, n: int) -> Path:
    """Each computer asks once."""
    return _written(folder, _events(n, host=lambda i: i))


def startups(folder: Path, n: int) -> Path:
    """Each process asks for the same URL."""
    return _written(folder, _events(n, pid=lambda i: i + 4))


def members(folder: Path, n: int) -> Path:
    """An archive of many small texts, and one log."""
    path = folder / f"{n}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("log.xml", _events(10))
        for i in range(n):
            archive.writestr(f"{i}.txt", "nothing")
    return path


def _written(folder: Path, content: str) -> Path:
    path = folder / f"{len(content)}.xml"
    path.write_text(content, encoding="utf-8")
    return path


KINDS: dict[str, tuple[Callable[[Path, int], Path], int]] = {
    "processes": (processes, 500),
    "computers": (computers, 4000),
    "startups": (startups, 5000),
    "members": (members, 3000),
}


def steps(path: Path) -> dict[str, float]:
    """The seconds of each step over one input."""
    took: dict[str, float] = {}

    def timed(name: str, do: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = do()
        took[name] = time.perf_counter() - start
        return result

    case = timed("load", lambda: load(path))
    a = timed("analyse", lambda: analyse(case))
    timed("prefetch", lambda: prefetch(a.spans, a.waits))
    timed("whatif", lambda: whatif(a.findings, spans=a.spans, waits=a.waits, startups=a.startups))
    timed("summary", lambda: text.render(tell(a)))
    timed("report", lambda: html.render(tell(a), analysis=a))
    return took


def main(wanted: list[str]) -> int:
    """Print the table; 1 if something grows as a square, else 0."""
    bad = 0
    print(f"{'kind':<12}{'n':>7}  {'step':<10}{'at n':>9}{'at 2n':>9}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in wanted or KINDS:
            make, n = KINDS[kind]
            once, twice = (steps(make(Path(folder), count)) for count in (n, 2 * n))
            for step, took in once.items():
                ratio = twice[step] / max(took, 1e-6)
                square = ratio > SQUARE and twice[step] > NOTICEABLE_S
                bad += square
                print(
                    f"{kind:<12}{n:>7}  {step:<10}{took:>8.2f}s{twice[step]:>8.2f}s{ratio:>7.1f}{'  SQUARE' if square else ''}",
                    flush=True,
                )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
