"""Skeletons: events of one shape are walked once, later ones of that shape only filled in.

A log repeats itself: the XML of a record without its attribute values and texts
(its skeleton) occurs a hundred times. When a skeleton is first met, it is walked
with a marker in the place of every value. Where each marker came out is the
recipe: the values go there, from then on without an XML parser. What cannot be
placed like this (a marker that is lost, doubled or inside a longer text) is walked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain, zip_longest
from operator import itemgetter
from typing import NamedTuple

from lxml import etree

from capi2kit.winevent.layouts import Layout, Layouts, Row
from capi2kit.winevent.walk import LABEL, walk_event

# Channel and EventID choose the map, and "true" makes a name of its attribute: these values stay in the skeleton.
_TRUE, _TRUE_HIDDEN = '="true"', "=\ue002"
_LABEL = re.compile(f'(?<=<Data {LABEL}=)"([^"<]*)"')  # a label chooses the column: it stays in the skeleton, too
_LABELLED = ("<Data>", "<Data/>", f'<Data {LABEL}="', f"<Data {LABEL}='")  # the forms of Data that are read in this way
_LABEL_HIDDEN = re.compile(f"(?<=<Data {LABEL}=)\ue003([^\ue003]*)\ue003")
_HIDDEN = re.compile("[\ue000-\ue003]")  # what a log is not to bring along
_TEXT = re.compile(r">(?!\s+<)([^<>]+)(?=</(?!(?:[\w.-]+:)?(?:EventID|Channel)\s*>))")
_MARKER = re.compile("\ue000([0-9]+)\ue001")
_FOREIGN = re.compile("[\x00-\x1f\ufffe\uffff]|&(?!(?:quot|amp|lt|gt|apos);)")  # a parser treats these in its own way
_BROKEN_ATTRIBUTE = re.compile(r'="[^"<\n\t]*[\n\t][^"<]*"')
_ENTITIES = (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&amp;", "&"))
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
)
_MOST = 4096  # skeletons remembered: a log that never repeats itself shall not fill the memory

Taker = Callable[[list[str]], tuple[str, ...]]


class _Recipe(NamedTuple):
    """The rows of a record, with what takes their cells out of its values and these constants."""

    constants: list[str]
    rows: list[tuple[Layout, Taker]]


class Skeletons:
    """Reads events, remembering their shapes."""

    def __init__(self) -> None:
        self._layouts = Layouts()
        self._known: dict[tuple[str, ...], _Recipe | None] = {}

    def walk(self, event: etree._Element) -> list[Row]:
        """The rows of one event."""
        return [self._layouts.lay_out(part) for part in walk_event(event)]

    def read(self, xml: str) -> list[Row]:
        """The rows of one event as XML. Raises etree.XMLSyntaxError if it is not XML."""
        if xml.startswith("<?xml"):
            xml = xml[xml.find(">") + 1 :].lstrip()
        skeleton, values = _taken_apart(xml)
        joined = "".join(values)
        odd = "<" in joined or '"' in joined or "" in values or bool(_HIDDEN.search(xml)) or _TRUE_HIDDEN in joined
        odd = odd or _is_labelled_oddly(xml)
        odd = odd or ((not joined.isprintable() or "&" in joined) and bool(_FOREIGN.search(joined)))
        if not odd and skeleton not in self._known and len(self._known) < _MOST:
            self._known[skeleton] = self._recipe(skeleton, attributes=len(values) - len(skeleton) + 1)
        recipe = None if odd else self._known.get(skeleton)
        if recipe is None:
            return self.walk(parse(xml))
        if "&" in joined:
            values = [_unescaped(value) if "&" in value else value for value in values]
        values += recipe.constants
        return [(layout, take(values)) for layout, take in recipe.rows]

    def _recipe(self, skeleton: tuple[str, ...], *, attributes: int) -> _Recipe | None:
        """The recipe of a skeleton, or None if markers do not come out one by one."""
        markers = [f"\ue000{number}\ue001" for number in range(attributes + len(skeleton) - 1)]
        texts = [f">{marker}" for marker in markers[attributes:]]
        pieces = "".join(chain.from_iterable(zip_longest(skeleton, texts, fillvalue=""))).split('"')
        for number in range(attributes):
            if pieces[number].endswith(" xmlns="):
                markers[number] = ""  # namespaces do not matter
        xml = '"'.join(chain.from_iterable(zip_longest(pieces, markers[:attributes], fillvalue="")))
        try:
            shown = _LABEL_HIDDEN.sub(r'"\1"', xml.removesuffix('"').replace(_TRUE_HIDDEN, _TRUE))
            rows = self.walk(parse(shown))
        except etree.XMLSyntaxError:
            return None
        cells = [value for _, values in rows for value in values]
        if sorted(filter(_MARKER.search, cells)) != sorted(filter(None, markers)):
            return None
        constants = [value for value in cells if not _MARKER.search(value)]
        spots = iter(range(len(markers), len(markers) + len(constants)))
        takes = []
        for layout, values in rows:
            found = map(_MARKER.fullmatch, values)
            takes.append((layout, _taker([int(marker[1]) if marker else next(spots) for marker in found])))
        return _Recipe(constants, takes)


def parse(xml: str) -> etree._Element:
    """The element tree of an event, every character as logged. Raises etree.XMLSyntaxError if it is not XML."""
    if "\n" in xml or "\t" in xml:  # a parser makes spaces of them inside attributes
        xml = _BROKEN_ATTRIBUTE.sub(lambda found: found[0].replace("\n", "&#10;").replace("\t", "&#9;"), xml)
    return etree.fromstring(xml.replace("\r", "&#13;"), _PARSER)


def _taken_apart(xml: str) -> tuple[tuple[str, ...], list[str]]:
    """Skeleton and values of an event: first all attributes, then all texts.

    Two sound events with one skeleton have their values in the same places: the skeleton keeps every
    quote and every text's angle bracket, and no value of a sound event holds either.
    """
    if "<Data " in xml:
        xml = _LABEL.sub("\ue003\\1\ue003", xml)
    pieces = xml.replace(_TRUE, _TRUE_HIDDEN).split('"')
    rest = _TEXT.split('"'.join(pieces[::2]))
    return tuple(rest[::2]), pieces[1::2] + rest[1::2]


def _is_labelled_oddly(xml: str) -> bool:
    """Whether a label may be where `_LABEL` does not see it: behind another attribute, with blanks, with a prefix."""
    return ":Data" in xml or ("<Data" in xml and xml.count("<Data") != sum(map(xml.count, _LABELLED)))


def _unescaped(text: str) -> str:
    for name, sign in _ENTITIES:
        text = text.replace(name, sign)
    return text


def _taker(spots: list[int]) -> Taker:
    if len(spots) > 1:
        return itemgetter(*spots)
    return lambda values: tuple(values[spot] for spot in spots)
