"""Decoding Binary XML: the bytes of one event record → an element tree.

Input: a 64 KiB chunk of an .evtx file and the offset of a fragment in it.
Output: an lxml element with local names (prefixes and xmlns dropped). Layout:
MS-EVEN6 2.2.12 and records rebuilt byte by byte.
"""

from __future__ import annotations

import re
import struct

from lxml import etree

from capi2kit.binxml.fragments import BinXmlError, Fragments, Instance, LostName, LostTemplate, Node, Slot
from capi2kit.binxml.values import BINXML, array_items, value_text

_MAX_ELEMENTS = 50_000  # a 64 KiB chunk cannot hold more than a fifth of that
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Decoder:
    """Decodes the records of one chunk. The two `lost_…` functions: see `Fragments`."""

    def __init__(
        self, chunk: bytes, *, lost_name: LostName | None = None, lost_template: LostTemplate | None = None
    ) -> None:
        self.chunk = chunk
        self.fragments = Fragments(chunk, lost_name=lost_name, lost_template=lost_template)
        self.replaced = 0  # characters that XML cannot hold, replaced by U+FFFD
        self._room = 0  # elements this record may still make: a hostile template could repeat itself for ever

    def decode(self, offset: int, end: int) -> etree._Element:
        """The element tree of the fragment in [offset, end)."""
        self._room = _MAX_ELEMENTS
        try:
            roots = self.fragments.read(offset, end, in_definition=False, depth=0)
            holder = etree.Element("fragment")
            self._append(holder, roots, [])
        except BinXmlError:
            raise
        except (struct.error, IndexError, ValueError, OverflowError, RecursionError) as err:
            raise BinXmlError(f"cut off or malformed ({err})", offset) from err
        if len(holder) != 1:
            raise BinXmlError(f"{len(holder)} root elements instead of one", offset)
        return holder[0]

    # --- nodes -> elements ------------------------------------------------------------------

    def _append(self, parent: etree._Element, parts: list, values: list[tuple[int, int, int]]) -> None:
        for part in parts:
            if isinstance(part, Node):
                self._element_of(part, parent, values)
            elif isinstance(part, Instance):
                self._append(parent, list(part.roots), part.values)
            elif isinstance(part, str):
                self._write(parent, part)
            elif part.index < len(values):
                kind, offset, size = values[part.index]
                if kind == BINXML and size:
                    self._append(parent, self.fragments.read(offset, offset + size, in_definition=False, depth=1), [])
                else:
                    self._write(parent, self._value(kind, offset, size) or "")

    def _element_of(self, node: Node, parent: etree._Element, values: list[tuple[int, int, int]]) -> None:
        array = _array_slot(node, values)
        for item in array_items(array[0], self.chunk[array[1] : array[1] + array[2]]) if array else [None]:
            self._room -= 1
            if self._room < 0:
                raise BinXmlError(f"more than {_MAX_ELEMENTS} elements in one record", 0)
            element = etree.SubElement(parent, _local(node.name))
            for name, parts in node.attributes:
                text = self._attribute(parts, values)
                if text is not None and not name.startswith("xmlns"):
                    element.set(_local(name), self._clean(text))
            if item is None:
                self._append(element, node.parts, values)
            elif item:
                self._write(element, item)

    def _attribute(self, parts: list[str | Slot], values: list[tuple[int, int, int]]) -> str | None:
        text: list[str] = []
        for part in parts:
            if isinstance(part, str):
                text.append(part)
            else:
                value = self._value(*values[part.index]) if part.index < len(values) else None
                if value is None and part.optional and len(parts) == 1:
                    return None
                text.append(value or "")
        return "".join(text)

    def _write(self, element: etree._Element, text: str) -> None:
        text = self._clean(text)
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        elif text:
            element.text = (element.text or "") + text

    def _clean(self, text: str) -> str:
        text, count = _FORBIDDEN.subn("\ufffd", text)
        self.replaced += count
        return text

    def _value(self, kind: int, offset: int, size: int) -> str | None:
        return value_text(kind, self.chunk[offset : offset + size])


def _local(name: str) -> str:
    return name.rsplit(":", 1)[-1]


def _array_slot(node: Node, values: list[tuple[int, int, int]]) -> tuple[int, int, int] | None:
    """The array that makes Windows repeat this element, if there is one."""
    if len(node.parts) == 1 and isinstance(node.parts[0], Slot) and node.parts[0].index < len(values):
        value = values[node.parts[0].index]
        return value if value[0] & 0x80 and value[2] else None
    return None
