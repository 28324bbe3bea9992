"""Codes and flags: each symbol in codes.csv and flags.csv has the value that Microsoft's headers give it."""

import os
import re
from pathlib import Path

import pytest

from capi2kit.knowledge import rows
from capi2kit.knowledge.sources import ids_in

DEBIAN = "/usr/share/mingw-w64/include"
HEADERS = ("winerror.h", "wincrypt.h", "wintrust.h", "softpub.h", "winhttp.h", "wininet.h", "sensapi.h", "ntstatus.h")
NO_HTTP_RESULTS = "the mingw headers have the HTTP status alone; a test of its own makes the HRESULT from it"
ABSENT = {
    "HTTP_E_STATUS_DENIED": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_FORBIDDEN": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_NOT_FOUND": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_PROXY_AUTH_REQ": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_SERVER_ERROR": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_BAD_GATEWAY": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_SERVICE_UNAVAIL": NO_HTTP_RESULTS,
    "HTTP_E_STATUS_GATEWAY_TIMEOUT": NO_HTTP_RESULTS,
    "WTD_DISABLE_MD2_MD4": "in wintrust.h of Microsoft, not in that of mingw (seen: 10.0)",
    "WTD_MOTW": "in wintrust.h of Microsoft, not in that of mingw (seen: 10.0)",
}
NO_SYMBOLS = {
    "CertificateRevocationList/OCSPResponse@location": "texts in the log, without a number",
    "ETW keyword (System/Keywords low bits)": "from the manifest of the provider",
    "Level": "from the manifest of the provider",
    "Security@UserID well-known": "SIDs, which winnt.h spells as parts",
}

Texts = dict[str, set[str]]


@pytest.fixture(scope="module")
def headers() -> Texts:
    """What stands behind each `#define NAME`, in all headers together."""
    folder = Path(os.environ.get("CAPI2KIT_HEADERS") or DEBIAN)
    if not (folder / "winerror.h").is_file():
        pytest.skip(
            f"no winerror.h in {folder}: apt-get install mingw-w64-common, or set CAPI2KIT_HEADERS to a folder "
            "with the Windows headers of mingw-w64"
        )
    texts: Texts = {}
    for name in HEADERS:
        source = re.sub(r"/\*.*?\*/|//[^\n]*", "", (folder / name).read_text("latin-1"), flags=re.DOTALL)
        for symbol, text in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S.*)$", source, re.MULTILINE):
            texts.setdefault(symbol, set()).add(text.strip())
    return texts


def values(symbol: str, *, texts: Texts) -> set[int | str]:
    """The values of a symbol, several if headers disagree; empty if none defines it."""
    return {guid(text) if text.startswith("{") else number(text, texts=texts) for text in texts.get(symbol, ())}


def guid(text: str) -> str:
    """``{ 0xaac56b,0xcd44,0x11d0,{ 0x8c,... } }`` as the logs write it."""
    first, second, third, *rest = (int(part, 16) for part in re.findall(r"0x[0-9a-fA-F]+", text))
    tail = "".join(f"{part:02X}" for part in rest)
    return f"{{{first:08X}-{second:04X}-{third:04X}-{tail[:4]}-{tail[4:]}}}"


def number(text: str, *, texts: Texts) -> int:
    """``1460L``, ``_HRESULT_TYPEDEF_(0x80092013)``, ``((LPCSTR) 1)`` or ``(WINHTTP_ERROR_BASE + 7)`` as a number."""
    without_casts = re.sub(r"\(\s*[A-Za-z_]+\s*\)(?=\s*\w)", "", text)
    without_macros = re.sub(r"\b\w+\(", "", without_casts)
    return sum(term(part.strip("() \t"), texts=texts) for part in without_macros.split("+"))


def term(text: str, *, texts: Texts) -> int:
    """One number, or a symbol that stands for one."""
    if digits := re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*", text):
        return int(digits[1], 0)
    (meant,) = texts[text]
    return number(meant, texts=texts)


def result(facility: str, code: int, *, texts: Texts) -> int:
    """The HRESULT of a code of another family, as HRESULT_FROM_WIN32 makes it; 0 stays 0."""
    return code and 0x80000000 | number(f"FACILITY_{facility}", texts=texts) << 16 | code


def test_codes(headers: Texts) -> None:
    wrong = []
    for row in rows("codes"):
        if "headers" not in ids_in(row["source"]):
            continue  # too new for these headers, or from those of another family: its own source says it
        found = {int(code) for code in values(row["symbol"], texts=headers)}
        if row["symbol"].startswith(("ERROR_", "WSA")):
            found = {result("WIN32", code, texts=headers) for code in found}
        if row["symbol"] not in ABSENT and found != {int(row["code"], 16)}:
            wrong.append((row["symbol"], row["code"], *map(hex, found)))
    assert not wrong, "symbol, our code, what the headers say"


def test_most_codes_are_checked_against_the_headers(headers: Texts) -> None:
    checked = [row for row in rows("codes") if "headers" in ids_in(row["source"])]
    assert len(checked) >= 0.7 * len(rows("codes"))
    assert all(int(row["code"], 16) >> 16 == 0x8019 for row in rows("codes") if row["symbol"].startswith("HTTP_E_"))


def test_http_codes_are_the_status_in_the_facility_of_http(headers: Texts) -> None:
    http = [row for row in rows("codes") if row["symbol"] in ABSENT and row["symbol"].startswith("HTTP_E_")]
    ours = {row["symbol"]: {int(row["code"], 16)} for row in http}
    assert ours == {
        symbol: {
            result("HTTP", int(status), texts=headers)
            for status in values(symbol.replace("HTTP_E_", "HTTP_"), texts=headers)
        }
        for symbol in ours
    }


def test_flags(headers: Texts) -> None:
    wrong = []
    for row in rows("flags"):
        if row["family"] in NO_SYMBOLS or row["name"] in ABSENT or row["kind"] == "value":
            continue
        found = values(row["name"].removeprefix("_SENSAPI_"), texts=headers)  # which the logs put before it
        if found != {row["value"] if row["kind"] == "guid" else int(row["value"], 0)}:
            wrong.append((row["family"], row["name"], row["value"], found))
    assert not wrong, "family, name, our value, what the headers say"


def test_states_are_the_sums_of_the_flags_they_name(headers: Texts) -> None:
    state = 0  # the second one builds on the first
    for row in rows("flags"):
        if row["kind"] == "value":
            for name in re.findall(r"[A-Z_]{5,}", row["meaning"]):
                state |= number(f"WTPF_{name.removeprefix('WTPF_')}", texts=headers)
            assert int(row["value"], 16) == state, row["name"]


def test_what_is_said_to_be_absent_is_absent(headers: Texts) -> None:
    ours = {row["symbol"] for row in rows("codes")} | {row["name"] for row in rows("flags")}
    families = {row["family"] for row in rows("flags")}
    outside = [row["name"] for row in rows("flags") if row["family"] in NO_SYMBOLS]
    assert not ABSENT.keys() - ours, "in neither table"
    assert not NO_SYMBOLS.keys() - families, "no such family"
    assert not [name for name in (*ABSENT, *outside) if name in headers], "defined after all: take it off the list"
