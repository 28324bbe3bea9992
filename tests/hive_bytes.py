"""Hive bytes: small registry hives, written as Windows lays them out (https://github.com/msuhanov/regf), for tests.

`hive({"Select": {"Current": 1}, "Software\\\\Key": {"Name": "text"}})`: values by key; numbers, texts, lists of texts and bytes.
"""

from __future__ import annotations

import struct

NONE = 0xFFFFFFFF
_KINDS = {str: 1, bytes: 3, int: 4, list: 7}
_TIME = 133_500_000_000_000_000
Values = dict[str, object]


def _encoded(value: object) -> bytes:
    if isinstance(value, str):
        return f"{value}\0".encode("utf-16-le")
    if isinstance(value, int):
        return struct.pack("<I", value)
    if isinstance(value, list):
        return "".join(f"{text}\0" for text in [*value, ""]).encode("utf-16-le")
    assert isinstance(value, bytes)
    return value


class _Bin:
    """The cells of a hive; their places count from the first of them."""

    def __init__(self) -> None:
        self.data = bytearray(32)

    def cell(self, body: bytes) -> int:
        size, place = (len(body) + 11) & ~7, len(self.data)
        self.data += struct.pack("<i", -size) + body.ljust(size - 4, b"\0")
        return place

    def value(self, name: str, value: object) -> int:
        data, raw = _encoded(value), name.encode("latin-1")
        small = len(data) <= 4
        where = int.from_bytes(data.ljust(4, b"\0"), "little") if small else self.cell(data)
        size = len(data) | 0x80000000 if small else len(data)
        return self.cell(struct.pack("<2sHIIIHH", b"vk", len(raw), size, where, _KINDS[type(value)], 1, 0) + raw)

    def key(self, name: str, tree: dict, parent: int, *, root: bool = False) -> int:
        raw = name.encode("latin-1")
        values = {part: value for part, value in tree.items() if not isinstance(value, dict)}
        below = {part: value for part, value in tree.items() if isinstance(value, dict)}
        head = struct.pack("<2sHQII", b"nk", 0x2C if root else 0x20, _TIME, 0, parent)
        counts = struct.pack("<IIIIIIII", len(below), 0, NONE, NONE, len(values), NONE, NONE, NONE)
        me = self.cell(head + counts + bytes(20) + struct.pack("<HH", len(raw), 0) + raw)
        if values:
            places = [self.value(part, value) for part, value in values.items()]
            self._put(me, 40, self.cell(struct.pack(f"<{len(places)}I", *places)))
        if below:
            keys = [self.key(part, below[part], me) for part in sorted(below, key=str.upper)]
            pairs = b"".join(struct.pack("<I4s", place, b"\0" * 4) for place in keys)
            self._put(me, 28, self.cell(struct.pack("<2sH", b"lf", len(keys)) + pairs))
        return me

    def _put(self, cell: int, at: int, place: int) -> None:
        struct.pack_into("<I", self.data, cell + 4 + at, place)


def _tree(keys: dict[str, Values]) -> dict:
    tree: dict = {}
    for path, values in keys.items():
        here = tree
        for part in path.split("\\"):
            here = here.setdefault(part, {})
        here.update(values)
    return tree


def hive(keys: dict[str, Values], *, name: str = "", closed: bool = True) -> bytes:
    """A hive with these values under these keys; `closed`: nothing of it is left in a transaction log."""
    cells = _Bin()
    root = cells.key("ROOT", _tree(keys), NONE, root=True)
    size = (len(cells.data) + 4095) & ~4095
    if size - len(cells.data) >= 8:
        cells.data += struct.pack("<i", size - len(cells.data))
    data = bytearray(cells.data.ljust(size, b"\0"))
    data[:32] = struct.pack("<4sIIQQI", b"hbin", 0, size, 0, _TIME, 0)
    shown = name[-31:].encode("utf-16-le").ljust(64, b"\0")
    numbers = (1, 1) if closed else (2, 1)
    head = struct.pack("<4sIIQIIIIIII64s", b"regf", *numbers, _TIME, 1, 5, 0, 1, root, size, 1, shown).ljust(508, b"\0")
    check = 0
    for (part,) in struct.iter_unpack("<I", head):
        check ^= part
    return (head + struct.pack("<I", check)).ljust(4096, b"\0") + bytes(data)
