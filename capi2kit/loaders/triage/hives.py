"""Loader `hive`: registry hives as files: SOFTWARE, SYSTEM, NTUSER.DAT and their like, read by regipy.

Only the keys of `data/hivekeys.csv` are read; they become the same rows as the output of `reg query`. Changes that Windows had not
yet written into a hive are in its transaction logs, which are not applied; that is reported. Needs the extra `triage`.
"""

from __future__ import annotations

import io
import json
import logging
import re
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from capi2kit.errors import EvidenceError
from capi2kit.knowledge import rows
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.settings.regvalues import settings_inside
from capi2kit.loaders.text.lines import source_of, table_of
from capi2kit.loaders.triage.places import account_of, place_of
from capi2kit.winevent import Batch

NAME = "hive"
ORIGIN = "registry hive"  # `settings.origin` of what is read here
LOOKS_FOR = "a registry hive (SOFTWARE, SYSTEM, NTUSER.DAT, …), with pip install 'capi2kit[triage]'"
LARGEST = 1 << 30
_MAGIC = b"regf"
_HEADER = struct.Struct("<4sII")  # signature, two numbers that are the same in a hive that was closed
_KIND = struct.Struct("<I")  # at 28: 0 a hive, else one of its transaction logs
_LONGEST = 1 << 16  # bytes of a value that is kept; lists of certificates are longer
_MOST = 5000  # subkeys of a key
_CURRENT = "CurrentControlSet"
_NTUSER = re.compile(r"ntuser\.(?:dat|man)$|config[\\/]default$|^default$", re.IGNORECASE)
_USRCLASS = re.compile(r"usrclass\.dat$", re.IGNORECASE)
_LOG = re.compile(r"\.log[12]?$", re.IGNORECASE)  # of a transaction log
_SID = re.compile(r"S-1-\d+(?:-\d+)+", re.ASCII)
_ROOTS = {"software": r"HKEY_LOCAL_MACHINE\SOFTWARE", "system": r"HKEY_LOCAL_MACHINE\SYSTEM"}
_BITS_TYPED = {"REG_DWORD", "REG_QWORD", "REG_DWORD_BIG_ENDIAN"}
Row = dict[str, str | None]


def sniff(head: bytes, name: str) -> bool:
    """True for a registry hive or one of its transaction logs."""
    return head.startswith(_MAGIC) and len(head) > _HEADER.size


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`. Raises EvidenceError if it cannot be opened."""
    problems, found = Problems(), list[Row]()
    head = bytes(file.data[:4096])
    if _LOG.search(file.name) or (len(head) >= 32 and _KIND.unpack_from(head, 28)[0]):
        message = "it is the transaction log of a hive; what it holds beyond the hive itself was not read"
        problems.add("file", "not applied", message=message)
    else:
        hive = _opened(file)
        first, second = _HEADER.unpack_from(head)[1:]
        if first != second:
            message = "the hive was not closed: its last changes are in its transaction logs, and these are not applied"
            problems.add("file", "hive not closed", message=message)
        kind = _kind(hive, file.name)
        found = list(_settings(hive, kind, file=file, problems=problems))
        if not found:
            problems.add("file", "no entry", message=f"the hive ({kind}) holds none of the keys that matter here")
    names = ("origin", "account", "path", "name", "value", "kind", "extra")
    cells = {name: [row.get(name) for row in found] for name in names}
    sources = source_of(problems, loaded=sum("from" not in (row["extra"] or "") for row in found), engine="regipy")
    yield {
        "settings": table_of("settings", cells, kinds={}),
        "sources": sources,
        "problems": problems.table(),
    }


class _Bytes(io.BytesIO):
    """The bytes of a hive. regipy reads far more than a small value has: the rest of the hive, for each of them."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for; a few if they are more than any hive has."""
        return super().read(8 if size is not None and size > LARGEST else size)


def _opened(file: EvidenceFile) -> Any:
    """The hive as regipy sees it, from memory. Raises EvidenceError if the extra is missing or the hive is beyond reading."""
    if len(file.data) > LARGEST:
        raise EvidenceError(f"{file.name}: {len(file.data)} bytes, more than {LARGEST}: refused", source=file.name)
    try:
        registry = import_module("regipy.registry")
        structs = import_module("regipy.structs")
    except ImportError as err:
        raise EvidenceError(f"reading registry hives needs the extra: pip install 'capi2kit[triage]' ({err})") from err
    logging.getLogger("regipy").setLevel(logging.CRITICAL)  # what is wrong is a row of problems
    hive = registry.RegistryHive.__new__(registry.RegistryHive)
    try:
        stream = _Bytes(bytes(file.data[:]))
        hive.header = structs.REGF_HEADER.parse_stream(stream)
        hive._stream = stream
        hive.partial_hive_path = hive.hive_type = None
        hive.name = str(hive.header.file_name)
        cell = next(hive.get_hbin_at_offset().iter_cells(stream))
        hive.root = registry.NKRecord(cell, stream)
    except Exception as err:
        why = f"{type(err).__name__}: {str(err)[:120]}".rstrip(": ")
        message = f"{file.name}: the hive is damaged or cut off and cannot be opened ({why}); copy it again"
        raise EvidenceError(message, source=file.name) from err
    return hive


def _kind(hive: Any, name: str) -> str:
    """Which hive it is: by its keys, for names lie."""
    below = {str(key).casefold() for key in _names(hive.root)}
    if "select" in below or any(key.startswith("controlset0") for key in below):
        return "system"
    if {"microsoft", "classes"} <= below or {"microsoft", "policies"} <= below or "microsoft" in below:
        return "software"
    if "software" in below or _NTUSER.search(name) or _NTUSER.search(hive.name):
        return "ntuser"
    return "usrclass" if _USRCLASS.search(name) or "local settings" in below else "unknown"


def _names(key: Any) -> list[str]:
    try:
        return [str(below.name) for below, _ in zip(key.iter_subkeys(), range(_MOST), strict=False)]
    except Exception:  # damaged below here
        return []


@cache
def _wanted(kind: str) -> tuple[dict[str, str], ...]:
    return tuple(row for row in rows("hivekeys") if row["hive"] == kind)


def _settings(hive: Any, kind: str, *, file: EvidenceFile, problems: Problems) -> Iterator[Row]:
    """The values of the keys that matter, as rows of `settings`."""
    account = _account(file.name) if kind == "ntuser" else None
    root = _ROOTS.get(kind) or _root_of(account)
    current = _current_set(hive) if kind == "system" else ""
    for wanted in _wanted(kind):
        path = wanted["key"].replace(_CURRENT, current, 1) if current else wanted["key"]
        names = wanted["values"].split()
        try:
            keys = list(_keys(hive, path, below=bool(wanted["below"])))
            for where, key in keys:
                shown = f"{root}\\{where}"
                yield from _values(key, shown, names=names, account=account, problems=problems)
        except Exception as err:
            message = (
                f"the key {path} cannot be read ({type(err).__name__}: {str(err)[:100]}): the hive is damaged there"
            )
            problems.add("record", "unreadable key", message=message, lost=1)


def _account(name: str) -> str | None:
    """Whose hive it is by its place; by the name of the profile where that is all that is known."""
    found = account_of(place_of(name))
    return found or "HKEY_CURRENT_USER"


def _root_of(account: str | None) -> str:
    if account is None or account == "HKEY_CURRENT_USER":
        return "HKEY_CURRENT_USER"
    return f"HKEY_USERS\\{account}"


def _current_set(hive: Any) -> str:
    """The set of services that was in use."""
    try:
        number = next(
            value.value for value in _key_of(hive, "Select").iter_values(trim_values=False) if value.name == "Current"
        )
        return f"ControlSet{int(number):03d}"
    except Exception:  # without that key, the first
        return "ControlSet001"


def _key_of(hive: Any, path: str) -> Any:
    key = hive.root
    for part in path.split("\\"):
        key = next((below for below in key.iter_subkeys() if str(below.name).casefold() == part.casefold()), None)
        if key is None:
            return None
    return key


def _keys(hive: Any, path: str, *, below: bool) -> Iterator[tuple[str, Any]]:
    key = _key_of(hive, path)
    if key is None:
        return
    if not below:
        yield path, key
        return
    for one, _ in zip(key.iter_subkeys(), range(_MOST), strict=False):
        yield f"{path}\\{one.name}", one


def _values(key: Any, path: str, *, names: list[str], account: str | None, problems: Problems) -> Iterator[Row]:
    for value in key.iter_values(trim_values=False):
        name = "(Default)" if str(value.name).casefold() == "(default)" else str(value.name)
        if names and name not in names:
            continue
        kind = str(value.value_type)
        text, more = _text(value.value, kind)
        row: Row = {"origin": ORIGIN, "account": account, "path": path, "name": name, "value": text, "kind": kind}
        yield row | {"extra": json.dumps(more) if more else None}
        yield from _inside(row, name, problems=problems)


def _inside(row: Row, name: str, *, problems: Problems) -> Iterable[Row]:
    """The proxy settings that the bytes of a value hold."""
    try:
        found = settings_inside(row["path"], kind=row["kind"], value=row["value"])
    except ValueError as err:
        message = f"the bytes of {name!r:.60} are not laid out as known ({err}): kept as they are"
        problems.add("value", "bytes not understood", message=message)
        return []
    return [
        row
        | {"name": part, "value": value, "kind": None, "extra": json.dumps({"from": name} | more, ensure_ascii=False)}
        for part, value, more in found
    ]


def _text(value: Any, kind: str) -> tuple[str | None, dict[str, object]]:
    """A value as `reg query` prints it; bytes that are too many to keep by their number only."""
    if isinstance(value, (bytes, bytearray)):
        return (None, {"bytes": len(value)}) if len(value) > _LONGEST else (bytes(value).hex() or None, {})
    if isinstance(value, (list, tuple)):
        return r"\0".join(map(str, value)) or None, {}
    text = "" if value is None else str(value)
    if kind not in _BITS_TYPED:
        text = text.partition("\0")[0]
    return (None, {"characters": len(text)}) if len(text) > _LONGEST else (text or None, {})
