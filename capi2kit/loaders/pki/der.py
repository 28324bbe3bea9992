"""DER: the elements of an ASN.1 encoding, and which PKI object they make. Needs no package.

Only the levels that are asked for are read, in loops, so that neither deep nesting nor a cut-off head
of a file can do harm. Elements of indefinite length (BER) are walked through, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

INTEGER, BITS, OCTETS, OBJECT, ENUMERATED = 0x02, 0x03, 0x04, 0x06, 0x0A
UTC_TIME, TIME, SEQUENCE, SET, FIRST = 0x17, 0x18, 0x30, 0x31, 0xA0  # FIRST: [0], constructed
SIGNED_DATA = "1.2.840.113549.1.7.2"
TRUST_LIST = "1.3.6.1.4.1.311.10.1"
_OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1"
_MOST_CHILDREN = 2_000_000


class Element(NamedTuple):
    """One element: its tag, where it begins, where its content begins and ends; `end` is where the next one begins."""

    tag: int
    begin: int
    start: int
    stop: int
    end: int


def element(data: bytes, at: int = 0, *, until: int | None = None, cut: bool = False) -> Element:
    """The element at an offset. With `cut` it may run beyond the data, which is only the head of a file.

    Raises ValueError if there is no element, or if it does not fit.
    """
    until = len(data) if until is None else until
    if until - at < 2 or data[at] & 0x1F == 0x1F:
        raise ValueError(f"no DER element at offset {at}")
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80 and tag & 0x20:
        stop = _end_of_contents(data, start, until=until, cut=cut)
        return Element(tag, at, start, stop, min(stop + 2, until))
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 8 or start + size > until:
            raise ValueError(f"no DER length at offset {at + 1}")
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    stop = start + length
    if stop > until:
        if not cut:
            raise ValueError(f"the element at offset {at} needs {stop - until} bytes more than there are")
        stop = until
    return Element(tag, at, start, stop, stop)


def _end_of_contents(data: bytes, at: int, *, until: int, cut: bool) -> int:
    """Where the content of an element of indefinite length ends."""
    depth = 0
    while at + 1 < until:
        if data[at] == 0 and data[at + 1] == 0:
            if not depth:
                return at
            depth, at = depth - 1, at + 2
        elif data[at + 1] == 0x80 and data[at] & 0x20:
            depth, at = depth + 1, at + 2
        else:
            at = element(data, at, until=until, cut=cut).end
    if not cut:
        raise ValueError("an element of indefinite length does not end")
    return until


def children(data: bytes, parent: Element, *, cut: bool = False) -> Iterator[Element]:
    """The elements inside an element, in order. Raises ValueError where they do not fit."""
    at = parent.start
    for _ in range(_MOST_CHILDREN):
        if at >= parent.stop:
            return
        found = element(data, at, until=parent.stop, cut=cut)
        yield found
        at = found.end
    raise ValueError(f"more than {_MOST_CHILDREN} elements in one")


def first_child(data: bytes, parent: Element) -> Element:
    """The first element inside an element. Raises ValueError if it is empty."""
    for found in children(data, parent):
        return found
    raise ValueError(f"nothing in the element at offset {parent.begin}")


def whole(data: bytes, found: Element) -> bytes:
    """The bytes of an element with tag and length."""
    return bytes(data[found.begin : found.end])


def content(data: bytes, found: Element) -> bytes:
    """The bytes of an element without tag and length."""
    return bytes(data[found.start : found.stop])


def object_id(data: bytes, found: Element) -> str:
    """An object identifier in dotted form. Raises ValueError for anything else, or one of absurd length."""
    octets = content(data, found)
    if found.tag != OBJECT or not octets or len(octets) > 64 or octets[-1] & 0x80:
        raise ValueError(f"no object identifier at offset {found.begin}")
    arcs, value = [], 0
    for octet in octets:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def form_of(data: bytes, *, cut: bool = False) -> str:
    """Which object the bytes are: certificate, crl, ocsp, signed data or trust list; empty if none of these.

    `cut`: the bytes are the head of something that may be longer.
    """
    try:
        top = element(data, cut=cut)
        parts = _first(data, top, cut=cut)
        tags = [part.tag for part in parts]
        if top.tag != SEQUENCE or not tags:
            return ""
        if tags[0] == OBJECT:
            return "signed data" if object_id(data, parts[0]) == SIGNED_DATA and tags[1:2] == [FIRST] else ""
        if tags[0] == ENUMERATED:
            whole_file = len(parts) > 1 or top.end == len(data)  # a refusal is so short that text may look like it
            return "ocsp" if whole_file and _is_ocsp(data, parts, cut=cut) else ""
        if _is_trust_list(data, parts):
            return "trust list"
        return _signed_form(data, parts, cut=cut) if tags[0] == SEQUENCE else ""
    except ValueError:
        return ""


def _first(data: bytes, parent: Element, *, cut: bool, most: int = 8) -> list[Element]:
    """The first elements inside an element."""
    found: list[Element] = []
    for child in children(data, parent, cut=cut):
        found.append(child)
        if len(found) == most:
            break
    return found


def _is_ocsp(data: bytes, parts: list[Element], *, cut: bool) -> bool:
    """An OCSP response: a status from 0 to 6, and for 0 a basic response."""
    status = content(data, parts[0])
    if len(status) != 1 or status[0] > 6 or len(parts) > 2:
        return False
    if len(parts) == 1:
        return status[0] > 0
    inner = element(data, parts[1].start, until=parts[1].stop, cut=cut)
    kind = _first(data, inner, cut=cut, most=1)
    return parts[1].tag == FIRST and bool(kind) and object_id(data, kind[0]) == _OCSP_BASIC


def _is_trust_list(data: bytes, parts: list[Element]) -> bool:
    """A list without a signature: usages, an identifier and a number where there are, a time, perhaps a second one, an algorithm."""
    if parts[0].tag == INTEGER:  # version
        parts = parts[1:]
    if not parts or not _holds_object_ids(data, parts[0]):
        return False
    tags = [part.tag for part in parts[1:]]
    for optional in (OCTETS, INTEGER):
        tags = tags[1:] if tags[:1] == [optional] else tags
    times = [tag for tag in tags[:2] if tag in (UTC_TIME, TIME)]
    rest = tags[len(times) :]
    return bool(times) and tags[0] in (UTC_TIME, TIME) and rest[:1] == [SEQUENCE]


def _holds_object_ids(data: bytes, parent: Element) -> bool:
    """A sequence of one or more object identifiers and nothing else."""
    tags = {child.tag for child in _first(data, parent, cut=True)} if parent.tag == SEQUENCE else set()
    return tags == {OBJECT}


def _signed_form(data: bytes, parts: list[Element], *, cut: bool) -> str:
    """Certificate or crl by the parts that are before the signature; empty if the parts fit neither."""
    if any(part.tag != tag for part, tag in zip(parts[1:], (SEQUENCE, BITS), strict=False)):
        return ""
    if not cut and len(parts) != 3:
        return ""
    inside = _first(data, parts[0], cut=cut)
    tags = [part.tag for part in inside]
    if tags[:1] == [FIRST]:  # version
        inside, tags = inside[1:], tags[1:]
    if tags[:5] == [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE]:
        times = {child.tag for child in _first(data, inside[3], cut=cut)}
        return "certificate" if times and times <= {UTC_TIME, TIME} and _named(data, inside[1]) else ""
    if tags[:1] == [INTEGER]:
        inside, tags = inside[1:], tags[1:]
    is_crl = tags[:2] == [SEQUENCE, SEQUENCE] and len(tags) > 2 and tags[2] in (UTC_TIME, TIME)
    return "crl" if is_crl and _named(data, inside[0]) else ""


def _named(data: bytes, algorithm: Element) -> bool:
    """Whether an algorithm begins with its object identifier."""
    return bool(object_id(data, element(data, algorithm.start, until=algorithm.stop)))
