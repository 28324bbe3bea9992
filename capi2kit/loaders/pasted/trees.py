"""Pasted trees: Event Viewer's "Friendly View" as text.

Below System and UserData it shows every element on the same level, so the nesting is worked out again from
the order of the elements (see `lost_tags`). Lines that lost their indentation are known by the names of the elements.
Its System is folded when it opens, so people often paste UserData only: then the elements tell whose event it is.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from lxml import etree

from capi2kit.loaders.pasted.lost_tags import Payload, Tag, add_tag, clean, names_of_payloads, payloads, rebuild
from capi2kit.loaders.pasted.markup import event_of_tags

_MARK = "[-+\u2013\u2212*\u2022\u25e2\u25bc]"
_BEGIN = re.compile(
    rf"(?m)^[ \t]*+(?:{_MARK}[ \t]*+System[ \t]*+$|System[ \t]*+$(?=\s{{1,9}}(?:{_MARK}[ \t]{{0,4}})?Provider\b))"
)
_PAYLOAD = re.compile(rf"(?m)^[ \t]*+(?:{_MARK}[ \t]*+)?UserData[ \t]*+$(?=\s{{1,9}}(?:{_MARK}[ \t]{{0,4}})?(\w+))")
_SECTION = re.compile(rf"(?:{_MARK}[ \t]*+)?(System|UserData|EventData|RenderingInfo|DebugData)$")
_BRANCH = re.compile(rf"{_MARK}[ \t]*+([A-Za-z_][\w.-]*+)(?:[ \t]++(.*))?$")
_ATTRIBUTE = re.compile(r"\[[ \t]*+([\w:.-]++)[ \t]*+\][ \t]*+(.*)$")
_LEAF = re.compile(r"([A-Za-z_][\w.-]*+)(?:[ \t]++(.*))?$")
_SYSTEM = frozenset(
    "Provider EventID Version Level Task Opcode Keywords TimeCreated EventRecordID Correlation Execution Channel Computer Security".split()
)
_APART = 4  # empty lines inside a tree at most
_VALUES = 2  # the same between values of an event whose lines lost their indentation
_PARTS = 20_000


class Tree(NamedTuple):
    """A tree in a text: where it begins and ends, the event it shows, and what had to be inferred."""

    begin: int
    end: int
    event: etree._Element
    notes: tuple[str, ...] = ()


def trees_in(text: str) -> list[Tree]:
    """The trees of a text in their order."""
    trees: list[Tree] = []
    for begin, next_one in pairwise([*(found.start() for found in _BEGIN.finditer(text)), len(text)]):
        trees += _trees(text[begin:next_one], at=begin)
    last = 0
    ends = iter([*(tree.begin for tree in trees), len(text)])
    for tree in [*trees, None]:
        stop = next(ends)
        begins = [found.start() for found in _PAYLOAD.finditer(text, last, stop) if _payload(found[1]) is not None]
        for begin, next_one in pairwise([*begins, stop]):
            trees += _trees(text[begin:next_one], at=begin)
        last = tree.end if tree else stop
    return sorted(trees)


def _trees(text: str, *, at: int) -> list[Tree]:
    """The tree that begins with this text, which is at `at`; none if it shows no event that is known."""
    sections, end = _read(text)
    if any(tag.name == "EventID" for tag in sections.get("System", ())):
        return [Tree(at, at + end, _event_of(sections))]
    tags = sections.get("UserData", [])
    payload = _payload(tags[0].name) if tags else None
    if payload is None:
        return []
    notes: list[str] = []
    event = event_of_tags(tags, event_id=payload.event_id, notes=notes)
    notes.append(f"no event id is given; {payload.event_id} inferred from its elements")
    return [] if event is None else [Tree(at, at + end, event, tuple(notes))]


def _payload(root: str) -> Payload | None:
    return next((payload for payload in payloads() if payload.root == root), None)


def _read(text: str) -> tuple[dict[str, list[Tag]], int]:
    """The elements of each section in their order, and where the tree ends."""
    sections: dict[str, list[Tag]] = {}
    tags: list[Tag] = []
    at = end = blank = 0
    indented = _is_indented(text)
    for line in text.splitlines(keepends=True):
        short = line.strip().replace("\u200e", "")
        at += len(line)
        if not short:
            blank += 1
            continue
        section = _SECTION.fullmatch(short)
        values = "EventData" in sections
        inside = line[:1] in " \t" or short[0] == "[" or not indented
        if section and section[1] not in sections:
            tags = sections[section[1]] = []
        elif (
            section
            or not inside
            or len(tags) > _PARTS
            or blank > (_APART if indented or not values else _VALUES)
            or not _take(short, tags, plain=values, indented=indented)
        ):
            break
        blank, end = 0, at
    return sections, end


def _is_indented(text: str) -> bool:
    """Whether the lines below the first are still indented: many forums take the blanks in front of lines away."""
    lines = [line for line in text.splitlines()[:8] if line.strip()]
    return any(line[:1] in " \t" for line in lines[1:])


def _take(short: str, tags: list[Tag], *, plain: bool, indented: bool) -> bool:
    """Add one line; False if it is not part of a tree. `plain`: lines are values."""
    attribute = _ATTRIBUTE.fullmatch(short)
    if attribute and tags and not plain:
        tags[-1].attributes[attribute[1].rpartition(":")[2]] = clean(attribute[2].strip())
        return True
    if plain:
        tags.append(Tag("Data", {}, clean(short)))
        return True
    branch = _BRANCH.fullmatch(short)
    found = branch or _LEAF.fullmatch(short)
    known = indented or (found and found[1] in names_of_payloads() | _SYSTEM) or (branch and not branch[2])
    if not found or not known:
        return False
    tags.append(Tag(found[1], {}, clean((found[2] or "").strip())))
    return True


def _event_of(sections: dict[str, list[Tag]]) -> etree._Element:
    event = etree.Element("Event")
    for name in ("System", "EventData"):
        if name in sections:
            above = etree.SubElement(event, name)
            for tag in sections[name]:
                add_tag(above, tag)
    user_data = sections.get("UserData")
    if user_data:
        root, *rest = user_data
        payload = _payload(root.name)
        above = etree.SubElement(event, "UserData")
        if payload is not None:
            above.append(rebuild(payload, rest))
        else:
            element = add_tag(above, root._replace(text=""))
            for tag in rest:
                add_tag(element, tag)
    return event
