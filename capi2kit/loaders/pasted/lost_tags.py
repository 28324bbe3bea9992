"""Rebuilt: tags of an event of which others were lost → the tree they were in.

Web sites drop tags without attributes and closing tags. The order in which Windows writes the elements of a
payload (`data/payloads.csv`) shows where each of the rest was. What fits nowhere stays at the top of the payload.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from lxml import etree

from capi2kit.binxml import NOT_IN_XML
from capi2kit.knowledge import rows

TAG = re.compile(r"<([A-Za-z_][\w.-]*)((?:\s+[\w:.-]+\s*=\s*\"[^\"]*\")*)\s*/?>(?:([^<]*)</\1\s*>)?")
_ATTRIBUTE = re.compile(r"(?<![\w:.-])([\w:.-]++)\s*+=\s*+\"([^\"]*)\"")
_ENDLESS_REFERENCE = re.compile(r"&#(?:[0-9]{9,}+|[xX][0-9A-Fa-f]{9,}+);?")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
Steps = tuple[str, ...]


class Tag(NamedTuple):
    """A start tag with its attributes, and its text where its end tag follows."""

    name: str
    attributes: dict[str, str]
    text: str


class Payload(NamedTuple):
    """The payload of one kind of event: the paths of its elements in the order in which Windows writes them."""

    provider: str
    channel: str
    root: str
    event_id: str
    paths: tuple[Steps, ...]

    def knows(self, tags: Iterable[Tag]) -> bool:
        """Whether all these elements can be in it."""
        names = {path[-1].rstrip("*") for path in self.paths} | {self.root}
        return all(tag.name in names for tag in tags)


@cache
def payloads() -> tuple[Payload, ...]:
    """Every payload of payloads.csv."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("payloads"):
        found.setdefault(row["event_id"], []).append(row)
    return tuple(_payload(group) for group in found.values())


def _payload(group: list[dict[str, str]]) -> Payload:
    first = group[0]
    paths = tuple(tuple(row["path"].split("/")) for row in group)
    return Payload(first["provider"], first["channel"], first["root"], first["event_id"], paths)


@cache
def names_of_payloads() -> frozenset[str]:
    """Names of all elements that are in payloads, roots too."""
    steps = {step.rstrip("*") for payload in payloads() for path in payload.paths for step in path}
    return frozenset(steps | {payload.root for payload in payloads()})


def tags_in(text: str) -> list[Tag]:
    """The start tags of a text in their order."""
    return [
        Tag(name, {key: clean(value) for key, value in _ATTRIBUTE.findall(attributes)}, clean(inside.strip()))
        for name, attributes, inside in TAG.findall(text)
    ]


def clean(text: str) -> str:
    """The text without what XML cannot hold, its character references resolved."""
    return without_controls(unescaped(text))


def unescaped(text: str) -> str:
    """The text with its character references resolved; a number longer than that of any character becomes a mark."""
    return html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", text))


def without_controls(text: str) -> str:
    """The text with a mark in the place of every character that XML cannot hold."""
    return NOT_IN_XML.sub("\ufffd", text)


def payload_for(tags: list[Tag], *, event_id: str | None) -> Payload | None:
    """The payload of an event id; without one, the only payload in which all the tags can be."""
    if event_id is not None:
        return next((payload for payload in payloads() if payload.event_id == event_id), None)
    fitting = [payload for payload in payloads() if payload.knows(tags)]
    return fitting[0] if len(fitting) == 1 else None


def rebuild(payload: Payload, tags: list[Tag]) -> etree._Element:
    """The payload element with the tags in their places."""
    root = etree.Element(payload.root)
    opened: dict[Steps, etree._Element] = {}
    at = -1
    for tag in tags:
        if tag.name == payload.root:
            add_attributes(root, tag.attributes)
            continue
        found = _next_place(payload.paths, at, name=tag.name)
        if found is None:
            add_tag(root, tag)
            continue
        at, ended = found
        path = payload.paths[at]
        for known in [known for known in opened if ended and known[: len(ended)] == ended]:
            del opened[known]
        parent = root
        for depth in range(1, len(path)):
            prefix = path[:depth]
            if prefix not in opened:
                opened[prefix] = etree.SubElement(parent, prefix[-1].rstrip("*"))
            parent = opened[prefix]
        opened[path] = add_tag(parent, tag)
    return root


def _next_place(paths: tuple[Steps, ...], at: int, *, name: str) -> tuple[int, Steps] | None:
    """Where an element is, and what it ends: here once more, else further on, else in a new turn of a group.

    If several groups repeat, it is the innermost one in which it has a place.
    """
    here = paths[at] if at >= 0 else ()
    if here and here[-1] == f"{name}*":
        return at, here
    for place in range(at + 1, len(paths)):
        if paths[place][-1].rstrip("*") == name:
            return place, ()
    for depth in range(len(here) - 1, 0, -1):
        turn = here[:depth]
        if turn[-1].endswith("*"):
            for place in range(at + 1):
                if paths[place][:depth] == turn and paths[place][-1].rstrip("*") == name:
                    return place, turn
    return None


def add_attributes(element: etree._Element, attributes: dict[str, str]) -> None:
    """Set the attributes of a tag, without their prefixes; a name that XML cannot have gets a mark in front."""
    for name, value in attributes.items():
        bare = _NO_NAME.sub("_", name.rpartition(":")[2])
        element.set(bare if bare[:1].isalpha() or bare[:1] == "_" else f"_{bare}", value)


def add_tag(parent: etree._Element, tag: Tag) -> etree._Element:
    """A tag as the last child of an element."""
    element = etree.SubElement(parent, _NO_NAME.sub("_", tag.name))
    add_attributes(element, tag.attributes)
    element.text = tag.text or None
    return element
