"""List text: trust lists as blocks of lines for a terminal, and the other objects beside a log as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from capi2kit.render.parts import Column, Table
from capi2kit.render.tables import table_lines
from capi2kit.words import ABSENT, moment, visible

_LABEL = 16
_KNOWN = {"roots": "certificates", "disallowed": "certificates"}


def list_blocks(judged: pd.DataFrame, *, paths: dict[int, str], tz: str) -> Iterator[str]:
    """The lines of each list of `judge_lists`: what it is, who signed it and until when, and the verdict."""
    for row in judged.to_dict("records"):
        yield visible(paths.get(row["source"]))
        what = f"{visible(row['kind'])}, {_number(row['entries'])} {_KNOWN.get(row['kind'], 'entries')}"
        lines = [
            ("list", what),
            ("effective from", _time(row["this_update"], tz)),
            ("next update", _time(row["next_update"], tz)),
            ("sequence number", visible(row["sequence"])),
            ("SHA-1", visible(row["thumbprint"])),
            *(_signer_lines(row, paths=paths, tz=tz) if row["signed"] is True else [("signature", "none")]),
            ("verdict", visible(row["verdict"])),
        ]
        for label, text in lines:
            yield f"  {label:<{_LABEL}}{text}"
        yield ""


def _signer_lines(row: dict[Any, Any], *, paths: dict[int, str], tz: str) -> list[tuple[str, str]]:
    good = row["signature_good"]
    return [
        ("signature", "not checked" if pd.isna(good) else "good" if good else "does not fit"),
        ("signer", visible(row["signer"])),
        ("valid", f"{_time(row['signer_not_before'], tz)} to {_time(row['signer_not_after'], tz)}"),
        ("signed at", _time(row["signed_at"], tz)),
        ("issuer", _issuer(row, paths)),
        ("chain", visible(row["chain"]) + _missing(row)),
    ]


def _issuer(row: dict[Any, Any], paths: dict[int, str]) -> str:
    name = visible(row["signer_issuer"])
    if pd.isna(row["issuer_given"]):
        return name
    if not row["issuer_given"]:
        return f"{name}: not given"
    if pd.isna(row["issuer_source"]):
        where = "in the log"
    elif row["issuer_source"] == row["source"]:
        where = "in the same file"
    else:
        where = f"in {visible(paths.get(int(row['issuer_source'])))}"
    return f"{name}: given {where} (by {row['issuer_match']})"


def _missing(row: dict[Any, Any]) -> str:
    return "" if pd.isna(row["missing_issuer"]) else f" < {visible(row['missing_issuer'])} (not given)"


def object_table(objects: pd.DataFrame, *, paths: dict[int, str], tz: str, width: int) -> list[str]:
    """The lines of a table of `judge_objects`."""
    columns = [Column("kind", whole=True), Column("name"), Column("issuer"), Column("valid from", whole=True)]
    columns += [
        Column("valid to", whole=True),
        Column("valid", whole=True),
        Column("SHA-1", whole=True),
        Column("file"),
    ]
    rows = [
        [
            visible(row["kind"]),
            visible(row["subject"]),
            visible(row["issuer"]),
            _time(row["valid_from"], tz),
            _time(row["valid_to"], tz),
            _yes(row["valid_at"]),
            visible(row["thumbprint"]),
            visible(paths.get(row["source"])),
        ]
        for row in objects.to_dict("records")
    ]
    return table_lines(Table(columns, rows), width=width)


def match_table(matches: pd.DataFrame, *, paths: dict[int, str], tz: str, width: int) -> list[str]:
    """The lines of a table of `objects_in_log`."""
    headings = ("kind", "SHA-1", "named by", "events", "first", "last", "file")
    columns = [Column(name, number=name == "events", whole=name != "file") for name in headings]
    rows = [
        [
            visible(row["kind"]),
            visible(row["thumbprint"]),
            row["reference"],
            str(row["events"]),
            _time(row["first"], tz),
            _time(row["last"], tz),
            visible(paths.get(row["source"])),
        ]
        for row in matches.to_dict("records")
    ]
    return table_lines(Table(columns, rows), width=width)


def used_table(used: pd.DataFrame, *, tz: str, width: int) -> list[str]:
    """The lines of a table of `crl_validity`."""
    columns = [Column("event", number=True), Column("time", whole=True), Column("this update", whole=True)]
    columns += [Column("next update", whole=True), Column("SHA-1", whole=True), Column("url")]
    rows = [
        [
            str(row["event"]),
            _time(row["time"], tz),
            _time(row["this_update"], tz),
            _time(row["next_update"], tz),
            visible(row["thumbprint"]),
            visible(row["url"]),
        ]
        for row in used.to_dict("records")
    ]
    return table_lines(Table(columns, rows), width=width)


def _time(time: Any, tz: str) -> str:
    return moment(time, tz, digits=0)


def _number(value: Any) -> str:
    return ABSENT if pd.isna(value) else str(value)


def _yes(value: Any) -> str:
    return ABSENT if pd.isna(value) else "yes" if value else "no"
