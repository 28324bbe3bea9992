"""Decoding Binary XML: the bytes of one event record → an element tree.

Input: a 64 KiB chunk of an .evtx file and the offset of a fragment in it.
Output: an lxml element with local names (prefixes and xmlns dropped). Layout:
MS-EVEN6 2.2.12 and records rebuilt byte by byte.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lxml import etree

from capi2kit.binxml.fragments import (
    MAX_DEPTH,
    NOT_IN_XML,
    BinXmlError,
    Fragments,
    Instance,
    LostName,
    LostTemplate,
    Node,
    Slot,
    Template,
    Value,
)
from capi2kit.binxml.skim import is_plain
from capi2kit.binxml.values import BINXML, array_items, value_text


class Decoder:
    """Decodes the records of one chunk. The two `lost_…` functions: see `Fragments`.

    `replaced` counts characters that XML cannot hold; they become U+FFFD.
    """

    def __init__(
        self, chunk: bytes, *, lost_name: LostName | None = None, lost_template: LostTemplate | None = None
    ) -> None:
        self.chunk = chunk
        self.fragments = Fragments(chunk, lost_name=lost_name, lost_template=lost_template)
        self.replaced = 0
        self._proven: set[int] = set()

    def is_odd(self, offset: int, end: int) -> bool:
        """Whether readers differ over the fragment in [offset, end): see `Fragments.odd`. Raises BinXmlError."""
        self.fragments.odd = False
        self.scan(offset, end, skim=True)
        return self.fragments.odd

    def scan(self, offset: int, end: int, *, skim: bool = False) -> None:
        """Learn the names and templates of the fragment in [offset, end) without making elements. Raises BinXmlError.

        `skim`: what is plain is not looked at any closer, and its names are not learned.
        """
        self.fragments.begin_record()
        try:
            left = self.fragments.read(offset, end, in_definition=False, depth=0)
            self.fragments.odd |= len(left) != 1
            while left:
                part = left.pop()
                for value in part.values if isinstance(part, Instance) else ():
                    if value.kind == BINXML:
                        stop = value.offset + value.size
                        if skim and is_plain(self.chunk, value.offset, end=stop, names=self._proven):
                            continue
                        left += self.fragments.read(value.offset, stop, in_definition=False, depth=0)
        except (struct.error, IndexError, ValueError, RecursionError) as err:
            raise err if isinstance(err, BinXmlError) else BinXmlError(f"cut off or malformed ({err})", offset) from err

    def template(self, definition: int) -> Template:
        """The template whose definition is at an offset of the chunk. Raises BinXmlError."""
        self.fragments.begin_record()
        try:
            return self.fragments.template(definition, self.chunk[definition + 4 : definition + 8], depth=0)
        except (struct.error, IndexError, ValueError, RecursionError) as err:
            raise (
                err if isinstance(err, BinXmlError) else BinXmlError(f"cut off or malformed ({err})", definition)
            ) from err

    def decode(self, offset: int, end: int) -> etree._Element:
        """The element tree of the fragment in [offset, end). Raises BinXmlError."""
        self.fragments.begin_record()
        replaced = self.replaced
        try:
            roots = self.fragments.read(offset, end, in_definition=False, depth=0)
            holder = etree.Element("fragment")
            self._fill(holder, roots, values=[], depth=0)
        except BinXmlError:
            self.replaced = replaced
            raise
        except (struct.error, IndexError, ValueError, OverflowError, RecursionError) as err:
            self.replaced = replaced
            raise BinXmlError(f"cut off or malformed ({err})", offset) from err
        if len(holder) != 1 or holder.text:
            raise BinXmlError(f"{len(holder)} root elements instead of one", offset)
        root = holder[0]
        holder.remove(root)
        return root

    def _fill(
        self,
        parent: etree._Element,
        parts: Sequence[str | Slot | Node | Instance],
        *,
        values: list[Value],
        depth: int,
    ) -> None:
        """Append what `parts` say to an element, values in their slots."""
        if depth > 2 * MAX_DEPTH:
            raise BinXmlError("nested too deeply", 0)
        texts: list[str] = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = self._value_of(part, values) if isinstance(part, Slot) else None
            if value and value.kind != BINXML:
                texts.append(self._text(value) or "")
                continue
            self._write(parent, texts)
            if isinstance(part, Node):
                self._add(part, parent, values=values, depth=depth)
            elif isinstance(part, Instance):
                self._fill(parent, part.roots, values=part.values, depth=depth + 1)
            elif value:
                stop = value.offset + value.size
                inner = self.fragments.read(value.offset, stop, in_definition=False, depth=depth)
                self._fill(parent, inner, values=[], depth=depth + 1)
        self._write(parent, texts)

    def _add(self, node: Node, parent: etree._Element, *, values: list[Value], depth: int) -> None:
        """Append an element; one that holds nothing but an array is repeated for each of its items."""
        only = node.parts[0] if len(node.parts) == 1 else None
        value = self._value_of(only, values) if isinstance(only, Slot) else None
        items: list[str | None] = [None]
        if value and value.kind & 0x80 and value.size:
            items = [*array_items(value.kind, self._bytes(value))]
        for item in items:
            self.fragments.spend(0, at=value.offset if value else 0)
            element = etree.SubElement(parent, _local(node.name))
            for name, parts in node.attributes:
                text = self._attribute(parts, values)
                if text is not None and name != "xmlns" and not name.startswith("xmlns:"):
                    element.set(_local(name), self._clean(text))
            if item is None:
                self._fill(element, node.parts, values=values, depth=depth + 1)
            else:
                self._write(element, [item])

    def _attribute(self, parts: list[str | Slot], values: list[Value]) -> str | None:
        """The text of an attribute; None if it is one optional slot without a value: then it is not there at all."""
        texts = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = self._value_of(part, values)
            text = self._text(value) if value else None
            if text is None and part.optional and len(parts) == 1:
                return None
            texts.append(text or "")
        return "".join(texts)

    @staticmethod
    def _value_of(slot: Slot, values: list[Value]) -> Value | None:
        return values[slot.number] if slot.number < len(values) else None

    def _bytes(self, value: Value) -> bytes:
        self.fragments.spend(value.size, at=value.offset)
        return self.chunk[value.offset : value.offset + value.size]

    def _text(self, value: Value) -> str | None:
        return value_text(value.kind, self._bytes(value))

    def _write(self, element: etree._Element, texts: list[str]) -> None:
        """Append the texts behind what the element has, and forget them."""
        if not texts:
            return
        text = self._clean("".join(texts))
        texts.clear()
        if text and len(element):
            element[-1].tail = (element[-1].tail or "") + text
        elif text:
            element.text = (element.text or "") + text

    def _clean(self, text: str) -> str:
        self.fragments.spend(len(text), at=0)
        if not text.isprintable():
            text, count = NOT_IN_XML.subn("\ufffd", text)
            self.replaced += count
        return text


def _local(name: str) -> str:
    return name.rsplit(":", 1)[-1]
