"""Layouts: what the values of a row are, so that rows of one layout can become columns together."""

from __future__ import annotations

from json.encoder import encode_basestring

from capi2kit.columns.cells import guid
from capi2kit.winevent.walk import Extra, Part

_GUID_IN_BRACES = 38


class Layout:
    """The columns that the values of a row fill, one after the other, and what the rest of them say in `extra`."""

    __slots__ = ("columns", "extra", "table")

    def __init__(self, table: str, *, columns: tuple[str, ...], extra: str) -> None:
        self.table = table
        self.columns = columns
        self.extra = extra

    def tell_extra(self, values: tuple[str, ...]) -> str | None:
        """The values behind those of the columns, as JSON under their paths."""
        if not self.extra:
            return None
        return self.extra % tuple(encode_basestring(bare_guid(value)) for value in values[len(self.columns) :])


def bare_guid(value: str) -> str:
    """A GUID as all of them are written here: Windows renders them in braces, readers of the file without."""
    return guid(value) if len(value) == _GUID_IN_BRACES and value[0] == "{" else value


Row = tuple[Layout, tuple[str, ...]]


class Layouts:
    """The layouts met so far: rows with the same columns and the same extra paths share one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...], str], Layout] = {}

    def lay_out(self, part: Part) -> Row:
        """The row that a walk made, as layout and values."""
        extra = _template(part.extra)
        key = (part.table, tuple(part.cells), extra)
        layout = self._known.get(key)
        if layout is None:
            layout = self._known[key] = Layout(part.table, columns=key[1], extra=extra)
        values = list(part.cells.values())
        for kept in part.extra.values():
            values += kept if isinstance(kept, list) else [kept]
        return layout, tuple(values)


def template_of(paths: list[str]) -> tuple[list[str], list[int]]:
    """The JSON of values with these paths (of plain names), in pieces, and which value is between one piece and the next."""
    spots: dict[str, list[int]] = {}
    for number, path in enumerate(paths):
        spots.setdefault(path, []).append(number)
    shown: Extra = {path: [""] * len(many) if len(many) > 1 else "" for path, many in spots.items()}
    return _template(shown).split("%s"), [number for many in spots.values() for number in many]


def _template(extra: Extra) -> str:
    pairs = [
        encode_basestring(path).replace("%", "%%")
        + (f": [{', '.join(['%s'] * len(kept))}]" if isinstance(kept, list) else ": %s")
        for path, kept in extra.items()
    ]
    return "{" + ", ".join(pairs) + "}" if pairs else ""
