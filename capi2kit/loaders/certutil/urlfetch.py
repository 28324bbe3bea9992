"""Fetches: what `certutil -verify -urlfetch` prints of one certificate of a chain, and of every URL it tried."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from capi2kit.knowledge.urls import url_role
from capi2kit.loaders.certutil.store import finished, take_line
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.text.labels import add_to, column_of
from capi2kit.loaders.text.lines import Line

Cells = dict[str, str | None]
ELEMENT = re.compile(r"\s*CertContext\[\d{1,4}\]\[(?P<depth>\d{1,4})\]:\s")
SECTION = re.compile(
    r"\s*+(?:[-—]{8,}+|[-—]{4,}+\s{0,8}(?P<name>[^\s—-](?:[^-—]|(?<=\w)-(?=\w)){0,60}?)?\s{0,8}[-—]{4,}+)\s*+"
)
# `Verified "Base CRL (1f)" Time: 0 d088c6…`: verdict, object, seconds, SHA-1; the word for time is translated
TRIED = re.compile(
    r'\s*(?P<status>[^\s"][^":=]{0,40}?)\s{1,8}"(?P<object>[^"]{0,200})"\s{1,8}[^\d":\uff1a]{2,20}[:\uff1a]\s*(?P<s>\d{1,9})\b(?P<more>.*)'
)
# where fetched URLs begin of which no certificate is shown: the heading of a section, or a verdict
FETCHES = re.compile(rf"\s*-{{4,}}\s{{1,8}}.{{0,40}}\b(?:AIA|CDP|OCSP)\s{{1,8}}-{{4,}}\s*$|{TRIED.pattern}$")
_URL = re.compile(r"(?:\[(?P<index>[\d.]+)\]\s+)?<?(?P<url>(?:https?|ldaps?|file|ftp)://.*)", re.IGNORECASE)
_CODE = re.compile(r"\b0x([0-9A-Fa-f]{8})\b")
_CRL = re.compile(r"\s*(?P<name>[^:\[\]]{0,20}CRL) (?P<number>[0-9A-Fa-f]+):\s*")
_ROLES = (("OCSP", "OCSP"), ("AIA", "AIA"), ("CDP", "CRL"))  # these names are not translated
VERDICTS = ("verified", "expired", "wrong issuer", "unsuccessful", "failed")
_STATUSES = re.compile(r"(dwInfoStatus|dwErrorStatus)=([0-9A-Fa-f]+)")


class Element(NamedTuple):
    """What one element of a chain says: the URLs tried, its certificate, and the CRLs that were used."""

    tried: list[Cells]
    objects: list[Cells]


def read_element(lines: Sequence[Line], *, problems: Problems) -> Element:
    """Read the lines of one ``CertContext[0][n]``, or of sections alone; `tried` in texts by column of `cache_entries`, `depth` is n."""
    element = ELEMENT.match(lines[0].text)
    cells: Cells = {"kind": "certificate", "line": str(lines[0].number), "depth": element["depth"] if element else None}
    more: dict[str, object] = {name: f"0x{value}" for name, value in _STATUSES.findall(lines[0].text)}
    more["chain element"] = cells["depth"]
    objects = [(cells, more)]
    tried: list[Cells] = []
    section = ""
    for line in lines[1:] if element else lines:
        if heading := SECTION.fullmatch(line.text):
            section = heading["name"] or ""
        elif found := TRIED.fullmatch(line.text):
            tried.append(_attempt(found, line, section=section))
        elif tried and _follows(tried[-1], line.text):
            continue
        elif crl := _CRL.fullmatch(line.text):
            number = crl["number"].upper()
            objects.append(({"kind": "crl", "line": str(line.number), "crl_number": number}, {"name": crl["name"]}))
        else:
            whole = objects[-1][0].get("thumbprint")  # the last line of a CRL; then it is about the certificate again
            _take(objects[0] if whole else objects[-1], line.text)
    tried = _with_urls(tried, more, ends=int(lines[-1].number), problems=problems)
    for one in tried if cells.get("thumbprint") else ():
        one["extra"] = json.dumps(
            json.loads(one["extra"] or "{}") | {"certificate": cells["thumbprint"]}, ensure_ascii=False
        )
    return Element(tried, [finished(*one) for one in objects])


def _take(one: tuple[Cells, dict[str, object]], text: str) -> None:
    cells, more = one
    label, _, value = text.strip().partition(": ")
    if cells["kind"] == "crl" and label == "CRL" and "thumbprint" not in cells:
        text = f"Cert: {value}"  # the hash of a CRL is under its bare name
    take_line(cells, more, text=text)


def _attempt(found: re.Match[str], line: Line, *, section: str) -> Cells:
    """One verdict; its URL and error follow on the next lines."""
    more = {"section": section, "object": found["object"], "object hash": found["more"].strip()}
    role = next((role for word, role in _ROLES if word in section), None)
    cells = {
        "line": str(line.number),
        "command": "urlfetch",
        "status": found["status"].strip(),
        "verdict": _verdict(found["status"]),
        "elapsed_s": found["s"],
    }
    kept = {name: text for name, text in more.items() if text and text != "(null)"}
    return cells | {"url": None, "url_role": role, "result": None, "extra": json.dumps(kept, ensure_ascii=False)}


def _verdict(status: str) -> str | None:
    """certutil's word for the outcome as a known one, in the languages of labels.csv."""
    word = (column_of("certutil", status) or "").strip("()")
    return word if word in VERDICTS else None


def _follows(cells: Cells, text: str) -> bool:
    """Take the URL or the error of the verdict above; False if the line is neither."""
    if cells["url"] is not None:
        return False
    more = json.loads(cells["extra"] or "{}")
    if found := _URL.fullmatch(text.strip()):
        cells["url"] = found["url"].rstrip(">")
        cells["url_role"] = cells["url_role"] or url_role(cells["url"])
        more |= {"index": found["index"]} if found["index"] else {}
    elif code := _CODE.search(text):
        cells["result"] = cells["result"] or code[1]
        add_to(more, "error", value=text.strip())
    else:
        return not text.strip()
    cells["extra"] = json.dumps(more, ensure_ascii=False)
    return True


def _with_urls(tried: list[Cells], more: dict[str, object], *, ends: int, problems: Problems) -> list[Cells]:
    """The verdicts on a URL; that a certificate names none is a fact of the certificate.

    A verdict is known to have none by its word, or by its place, in any language: no hash, no error and no URL follow, but other
    lines do.
    """
    kept = []
    for cells in tried:
        said = json.loads(cells["extra"] or "{}")
        known = column_of("certutil", cells["status"] or "") == "(no urls)"
        empty = cells["result"] is None and "object hash" not in said and int(cells["line"] or 0) < ends
        if cells["url"] is None and (known or empty):
            add_to(more, "no urls", value=said.get("section", ""))
            continue
        if cells["url"] is None:
            message = f"line {cells['line']}: no URL follows the verdict {cells['status']!r:.60}; the row has none"
            problems.add("record", "no URL", message=message)
        kept.append(cells)
    return kept
