"""Places: output of certutil in a language that `data/labels.csv` does not know, its lines known by their place and their values.

certutil prints the parts of an entry, of a certificate and of a chain element in one order, whatever it calls them. A line whose
label is unknown gets the English one; its value is never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from capi2kit.loaders.certutil.extent import CACHE_FILE, END, ENTRY, FOREIGN_ENTRY, OBJECT
from capi2kit.loaders.certutil.urlfetch import ELEMENT, SECTION
from capi2kit.loaders.text.labels import column_of
from capi2kit.loaders.text.lines import Line
from capi2kit.loaders.text.localtimes import time_at_start

_PAIR = re.compile(r"(?P<indent>\s*)(?P<label>[^\s:\uff1a\[\]=][^:\uff1a=]{0,60}?)\s*[:\uff1a]\s*(?P<value>.*)")
_COLON = re.compile("[:\uff1a]")
_URL = re.compile(r'"?(?:https?|ldaps?|file)://', re.IGNORECASE)
_NAME = re.compile(r"(?:[A-Z]{1,12}|[\d.]{5,})=\S")
_SHA1 = re.compile(r"(?:[0-9A-Fa-f]{2} ?){20}")
_SERIAL = re.compile(r"(?:[0-9A-Fa-f]{2}){2,20}")
_CACHE = ("Source Url Name", "Local File Name", "Meta File Name", "File Size", "Last Sync Time")
_CERTIFICATE = ("Serial Number", "Issuer", "NotBefore", "NotAfter", "Subject", "Cert Hash(sha1)")
_IDENTITY = frozenset(
    {"url", "local_file", "issuer", "subject", "serial", "thumbprint"}
)  # columns of a part that is known already
_FEWEST = 3  # values of a part known by their place
_KINDS = {"entry": _CACHE, "object": _CERTIFICATE, "element": (*_CERTIFICATE[:-1], "Cert")}


def in_english(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, those with an unknown label under the English one where place and value say which it is."""
    part: list[Line] = []
    kind = ""
    for line in lines:
        begins = _begins(line.text)
        if begins or END.match(line.text) or (kind == "element" and SECTION.fullmatch(line.text)):
            yield from _translated(part, kind)
            part, kind = [], begins or ""
        if kind:
            part.append(line)
        else:
            yield line
    yield from _translated(part, kind)


def _translated(part: list[Line], kind: str) -> list[Line]:
    """A part under English labels, if none of it names what it is about and enough of it is known by its place."""
    pairs = [_PAIR.fullmatch(line.text) for line in part]
    known = {column_of("certutil", pair["label"]) for pair in pairs if pair} - {None}
    if not part or known & _IDENTITY:
        return part
    left = [label for label in _KINDS[kind] if column_of("certutil", label) not in known]
    free = len(left)
    labels = [_label(pair["value"].strip(), left, kind=kind) if pair else None for pair in pairs]
    if free - len(left) < _FEWEST:
        return part
    hashes = [i for i, pair in enumerate(pairs) if pair and _SHA1.fullmatch(pair["value"].strip())]
    if kind != "entry" and hashes:
        labels[hashes[-1 if kind == "object" else 0]] = _KINDS[kind][-1]
    found = [
        line._replace(text=f"{pair['indent']}{label}: {pair['value']}") if label and pair else line
        for line, pair, label in zip(part, pairs, labels, strict=True)
    ]
    return [found[0]._replace(text=_titled(part[0].text, kind)), *found[1:]]


def _begins(text: str) -> str | None:
    if ELEMENT.match(text):
        return "element"
    if ENTRY.match(text) or FOREIGN_ENTRY.fullmatch(text):
        return "entry"
    return "object" if OBJECT.fullmatch(text) else None


def _titled(text: str, kind: str) -> str:
    """The first line of an entry with its English title, if its own is not known."""
    if kind == "entry" and not ENTRY.match(text):
        return f"WinHttp Cache entry:{_COLON.split(text, maxsplit=1)[1]}"
    found = OBJECT.fullmatch(text)
    if kind == "object" and found and column_of("certutil", found["word"]) is None:
        title = "CRL" if "CRL" in found["word"] else "CTL" if "CTL" in found["word"] else "Certificate"
        return text.replace(found["word"], title, 1)
    return text


def _label(value: str, left: list[str], *, kind: str) -> str | None:
    """The label that a value must have at this place, taken from those that are left; None if it may have several or none."""
    candidates: tuple[str, ...] = ()
    if kind == "entry":
        if file := CACHE_FILE.search(value):
            candidates = ("Local File Name",) if file[1].casefold() == "content" else ("Meta File Name",)
        elif _URL.match(value):
            candidates = ("Source Url Name",)
        elif "Source Url Name" not in left:
            candidates = ("Last Sync Time",) if time_at_start(value) else ("File Size",) if value.isdigit() else ()
    elif _NAME.match(value):
        candidates = ("Issuer", "Subject")
    elif time_at_start(value):
        candidates = ("NotBefore", "NotAfter")
    elif _SERIAL.fullmatch(value) and not _SHA1.fullmatch(value):
        candidates = ("Serial Number",)
    label = next((name for name in candidates if name in left), None)
    if label:
        left.remove(label)
    return label
