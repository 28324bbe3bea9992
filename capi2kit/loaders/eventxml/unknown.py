"""Unknown: what can be said of JSON and of tables that hold no event in any known form: what they are, and the names in them."""

from __future__ import annotations

import json

from capi2kit.errors import EvidenceError, UnknownFormat
from capi2kit.loaders.eventxml.rows import flat, rows_in
from capi2kit.loaders.eventxml.sheets import head_line, names_of
from capi2kit.loaders.evidence import LOAD_THE_FOLDER
from capi2kit.loaders.text.lines import head_of

_SHOWN = 12  # names
_LONGEST = 40  # characters of a name
_FEWEST = 2  # columns of a table

_PACKED = {  # by their first bytes
    b"PK\3\4": "a ZIP archive (or a document of Office)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"MSCF": "a CAB archive",
    b"vhdxfile": "a disk image (VHDX)",
    b"conectix": "a disk image (VHD)",
    b"EVF\x09\x0d\x0a\xff\0": "a disk image (E01)",
    b"KDMV": "a disk image (VMDK)",
}
_TAR = (257, b"ustar")


def refusal(head: bytes, *, name: str) -> EvidenceError:
    """Why a file that no loader knows is not read, by its first bytes."""
    if not head:
        return UnknownFormat(f"{name} is empty", source=name)
    if kind := _packed(head):
        then = "mount it" if "image" in kind else "unpack it"
        return EvidenceError(f"{name} is {kind}, and was not opened: {then} and {LOAD_THE_FOLDER}", source=name)
    return UnknownFormat(f"{name} has no known format{described(head)}", source=name)


def _packed(head: bytes) -> str:
    """What holds files, by its first bytes; empty if it is nothing of that kind."""
    if head[_TAR[0] :].startswith(_TAR[1]):
        return "a TAR archive"
    return next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), "")


def described(head: bytes) -> str:
    """A sentence part about a file by its first bytes; empty if it is neither JSON nor a table."""
    text = head_of(head, most=len(head)).lstrip("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        names = _keys(text)
        return f": it is JSON with the names {_listed(names)}" if names else ""
    names, _ = names_of(head_line(text))
    second = text.partition("\n")[2].partition("\n")[0]
    same = len(names) >= _FEWEST and len(names_of(second)[0]) == len(names)
    return f": it is a table (CSV) with the columns {_listed(names)}" if same else ""


def _keys(text: str) -> list[str]:
    """The names in the first object of a text of JSON."""
    for part in (text.strip(), text.lstrip().partition("\n")[0], text[text.find("{") :]):
        try:
            value = json.JSONDecoder().raw_decode(part)[0]
        except (ValueError, RecursionError):
            continue
        row = next((row for row in rows_in(value) if isinstance(row, dict)), None)
        if row:
            return [name for name, cell in flat(row).items() if not isinstance(cell, dict)]
    return []


def _listed(names: list[str]) -> str:
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown) + more
