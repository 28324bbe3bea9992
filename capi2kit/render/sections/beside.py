"""Beside: the sections on what certutil said of chains and addresses, and on what lay in the URL caches."""

from __future__ import annotations

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.knowledge import trust_columns
from capi2kit.knowledge.urls import known_object
from capi2kit.render.parts import Column, Section, Table

_TOP = 30
_FETCHED = "urlfetch"  # `cache_entries.command` of what certutil fetched itself


def verifications(analysis: Analysis) -> Section | None:
    """Chains that certutil itself checked on a computer."""
    found = analysis.case.verifications
    if found.empty:
        return None
    errors = {name: name.replace("_", " ") for name in trust_columns()}
    rows = [
        [
            words.visible(row["subject"]),
            words.visible(row["missing_issuer"]),
            ", ".join(word for name, word in errors.items() if row[name] is True)
            or (words.ABSENT if row["result"] else "none"),
            words.visible(row["revocation_reason"]),
            words.code(row["result"]),
        ]
        for row in found.astype(object).head(_TOP).to_dict("records")
    ]
    columns = [
        Column("certificate", long=True),
        Column("issuer that was not found", long=True),
        Column("errors of the chain", long=True),
        Column("reason"),
    ]
    columns += [Column("result", whole=True)]
    prose = ["What `certutil -verify` said on the computer where it ran, not what a program met."]
    return Section("verifications", "Chains that certutil checked", prose, Table(columns, rows))


def fetched(analysis: Analysis) -> Section | None:
    """The addresses that certutil asked itself, and what came of it."""
    entries = analysis.case.cache_entries
    found = entries[entries["command"] == _FETCHED]
    if found.empty:
        return None
    rows = [
        [
            words.visible(row["url_role"]),
            words.visible(row["url"]),
            words.visible(row["status"]),
            words.code(row["result"]) if not pd.isna(row["result"]) else words.ABSENT,
            words.ABSENT if pd.isna(row["elapsed_s"]) else f"{row['elapsed_s']:.0f} s",
        ]
        for row in found.head(_TOP).to_dict("records")
    ]
    columns = [Column("kind"), Column("URL", long=True), Column("certutil says"), Column("error", long=True)]
    columns += [Column("time", number=True)]
    count = words.count(len(found), "address", plural="addresses")
    prose = [f"{count}{_cut(found)}. Asked on the computer where certutil ran, by the account that ran it."]
    return Section("fetched", "Addresses that certutil fetched", prose, Table(columns, rows))


def caches(analysis: Analysis, *, tz: str = "UTC") -> Section | None:
    """What the URL caches held, as certutil or their files list it."""
    entries = analysis.case.cache_entries
    found = entries[entries["command"] != _FETCHED]
    if found.empty:
        return None
    rows = [
        [
            words.visible(row["account"]),
            words.visible(row["url_role"]),
            words.visible(row["url"]),
            words.visible(row["bytes"]),
            words.moment(row["last_sync"], tz, digits=0),
            known_object(row["url_role"], row["bytes"]),
        ]
        for row in found.head(_TOP).to_dict("records")
    ]
    columns = [
        Column("account"),
        Column("kind"),
        Column("URL", long=True),
        Column("bytes", number=True),
        Column("retrieved"),
    ]
    columns += [Column("what is known about it", long=True)]
    prose = [f"{words.count(len(found), 'entry', plural='entries')} that were in the caches{_cut(found)}."]
    return Section("caches", "URL caches beside the log", prose, Table(columns, rows))


def _cut(found: pd.DataFrame) -> str:
    return f"; the first {_TOP} are shown" if len(found) > _TOP else ""
