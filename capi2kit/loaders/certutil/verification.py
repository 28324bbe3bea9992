"""Verifications: what `certutil -verify` says of a whole chain: its errors, the issuer that it could not find, its codes.

Input: the lines of a text. Output: one row of `verifications` per chain that certutil built, as texts by column.
A line is known by its place and by what certutil does not translate, so that it is read in any language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from capi2kit.knowledge import code_of_text, reason_name, trust_columns
from capi2kit.loaders.certutil.extent import VERDICT
from capi2kit.loaders.certutil.store import Cells
from capi2kit.loaders.certutil.urlfetch import ELEMENT
from capi2kit.loaders.text.labels import column_of, labelled
from capi2kit.loaders.text.lines import Line, table_of

_BEGINS = re.compile(r"\s*-{4,}\s+CERT_CHAIN_CONTEXT\s+-{4,}\s*")
_CHAIN_ERROR = re.compile(r"\s*ChainContext\.dwErrorStatus = \w+ \((0x[0-9A-Fa-f]{1,8})\)\s*")
_ELEMENT_ERROR = re.compile(r"\bdwErrorStatus=([0-9A-Fa-f]{1,8})\b")
_CODE = re.compile(r"\b0x([0-9A-Fa-f]{8}) \((?:[A-Za-z0-9]{1,20}: )?-?\d{1,10}\b")
_REVOKED = re.compile(r"\bREVOKED\b[^:()]{0,20}\(Reason=(\d{1,2})\)")
_NAME = re.compile(r"(?P<label>[^\s:=][^:=]{0,40}): (?P<name>(?:CN|OU|O|DC|E|C|S|L|SERIALNUMBER)=.*)")
_TOOL = "CertUtil: "  # the program says its own end in every language so
_DONE = re.compile(r"CertUtil: -\w")
_NAMED = ("subject", "issuer", "serial", "thumbprint")


def verifications_in(lines: Iterable[Line]) -> list[Cells]:
    """The chains that certutil built and judged, in the order of the text."""
    found: list[Cells] = []
    one: Cells | None = None
    for line in lines:
        first = ELEMENT.match(line.text)
        begins = bool(_BEGINS.fullmatch(line.text)) or bool(first and first["depth"] == "0")
        shown_in_part = one is None and bool(first or VERDICT.fullmatch(line.text))
        if (begins and (one is None or one["elements"] != "0")) or shown_in_part:
            one = {"line": str(line.number), "elements": "0", "error_status": "0"}
            found.append(one)
        if one is not None:
            if first:
                one.setdefault("first", first["depth"] or "0")
                one["elements"] = str(int(first["depth"]) + 1)
            _take(one, line.text)
            one = None if _DONE.match(line.text) else one
    return [cells for cells in found if cells["elements"] != "0" or "result" in cells or "chain_result" in cells]


def _take(one: Cells, text: str) -> None:
    """What one line says of the chain."""
    for pattern, base in ((_CHAIN_ERROR, 16), (_ELEMENT_ERROR, 16)):
        if status := pattern.search(text):
            one["error_status"] = f"{int(one['error_status'] or '0', 16) | int(status[1], base):X}"
    if revoked := _REVOKED.search(text):
        one["error_status"] = f"{int(one['error_status'] or '0', 16) | trust_columns()['revoked']:X}"
        one.setdefault("revocation_reason", reason_name(int(revoked[1])))
    if one["elements"] == str(int(one.get("first") or 0) + 1):
        _take_name(one, text)
    if text[:1].isspace() or not text:
        return
    if missing := _NAME.fullmatch(text.rstrip()):
        one.setdefault("missing_issuer", missing["name"])
    code = _CODE.search(text)
    if code and ": " not in text[: code.start()]:
        one.setdefault("chain_result", code[1])
    elif code:
        one["result"] = code[1]
    elif text.startswith(_TOOL) and (number := code_of_text(text.removeprefix(_TOOL).strip())) is not None:
        one["result"] = f"{number:X}"


def _take_name(one: Cells, text: str) -> None:
    """The names of the certificate at the head of the chain, or of the first one shown: what comes first under a label."""
    pair = labelled(text)
    column = column_of("certutil", pair[0]) if pair else None
    if pair and column in _NAMED and pair[1]:
        value = pair[1].replace(" ", "").upper() if column in ("serial", "thumbprint") else pair[1]
        one.setdefault(column, value)


def verification_table(found: Sequence[Cells]) -> pd.DataFrame:
    """Texts by column as a `verifications` table, with one column per error of the chain."""
    names = (
        *_NAMED,
        "line",
        "elements",
        "error_status",
        "missing_issuer",
        "revocation_reason",
        "chain_result",
        "result",
    )
    found = [
        {"result": one.get("chain_result")} | one for one in found
    ]  # the last code is that of the chain if there is no other
    kinds = {"line": "int", "elements": "int", "error_status": "hex", "chain_result": "hex", "result": "hex"}
    cells = {name: [one.get(name) for one in found] for name in names}
    table = table_of("verifications", cells, kinds=kinds)
    for name, bit in trust_columns().items():
        table[name] = pd.array([bool(int(one["error_status"] or "0", 16) & bit) for one in found], dtype="boolean")
    return table
