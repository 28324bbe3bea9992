"""Cuts: the events in a stream of XML text, one by one, whatever is around them.

An export may have a root element or none, a declaration for every record, or a wrong one; and it may be
cut off. So no parser sees the whole: the text is cut where events begin and end, and each event is read
alone. Nothing of an export is ever expanded or fetched: what is not an event is skipped.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.text.lines import encoding_of, stream

LONGEST = 1 << 21  # characters of one event
_PIECE = 1 << 18
_BEGIN = re.compile(r"<!--|<((?:[A-Za-z_][\w.-]*:)?)Event(?=[\s>])")
_NEXT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?Event(?=[\s>])")
_ROOT = re.compile(r"<((?:[A-Za-z_][\w.-]*:)?Events)((?:\s[^<>]*)?)>")
_NOISE = re.compile(
    r"<[^<>]*>|<[^<>]*\Z|\A[^<>]{0,64}>|\bRecord \d+|(?<!-)-{2,}+>|[\[\],\ufeff\0]"
)  # around the events of an export
_SHOWN = 80  # characters of a line
_TEXTS = re.compile(r"ascii|utf-8|cp\d|windows|iso8859|koi8|mac-|gb|big5|euc_|shift_jis")  # not base64, zlib, idna, …
_DECLARED = re.compile(rb"<\?xml[^<>]{0,200}\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)")


class Cut(NamedTuple):
    """The text of one event, or `fault`: why no event was made; `note`: what it lacks; `local`: its time, if that has no zone.

    `number` counts from 1.
    """

    number: int
    offset: int
    text: str
    fault: str = ""
    note: str = ""
    local: str | None = None


def declared_encoding(head: bytes) -> str:
    """The encoding of an XML text: by its bytes where they tell it, else as it declares, else UTF-8."""
    encoding, mark = encoding_of(head)
    if mark or encoding != "utf-8":
        return encoding
    found = _DECLARED.search(head[:256])
    name = found[1].decode("ascii").lower() if found else "utf-8"
    try:
        known = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return known if _TEXTS.match(known) else "utf-8"  # if it were UTF-16, the bytes would say so


def cut_events(file: EvidenceFile, problems: Problems) -> Iterator[Cut]:
    """The events of a file in order; one that is cut off, too long or never ends is reported as a fault.

    Text around the events that is no markup is noted.
    """
    head = bytes(file.data[:4096])
    encoding, mark = declared_encoding(head), encoding_of(head)[1]
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = _Text(encoding, mark)
    with stream(file, start=mark) as raw:
        while piece := raw.read(_PIECE):
            text.add(decoder.decode(piece))
            yield from text.cuts()
        text.add(decoder.decode(b"", final=True))
        yield from text.cuts(last=True)
    if text.others:
        where, said = text.first
        lines = "1 line around the events was" if text.others == 1 else f"{text.others} lines around the events were"
        message = f"{lines} not understood; the first, at offset {where}: {said!r}"
        problems.add("text", "not understood", message=message)


class _Text:
    """The part of the text that is being looked at: from `at` on it is still to be cut."""

    def __init__(self, encoding: str, offset: int) -> None:
        self.encoding = encoding
        self.offset = offset  # of `at` in the file
        self.buffer = ""
        self.at = 0
        self.number = 0
        self.root = ""
        self.others = 0  # lines around the events that are no markup
        self.first = (0, "")  # where the first of them is, and what it says

    def add(self, text: str) -> None:
        self.buffer = self.buffer[self.at :] + text
        self.at = 0

    def cuts(self, *, last: bool = False) -> Iterator[Cut]:
        """What can be cut now; without `last`, an event whose end may still come is left."""
        while found := _BEGIN.search(self.buffer, self.at):
            self._pass_over(found.start())
            comment = found[0] == "<!--"
            following = None if comment else _NEXT.search(self.buffer, found.end())
            until = following.start() if following else len(self.buffer)
            end = self.buffer.find("-->" if comment else f"</{found[1]}Event>", found.end(), until)
            if end < 0 and not following and not last and len(self.buffer) - self.at <= LONGEST:
                return
            if comment and end >= 0:
                self._skip_to(end)
            elif comment:
                yield from self._unended()
            else:
                self.number += 1
                yield self._cut(found, end, following=following)
        self._pass_over(len(self.buffer) if last else max(self.at, len(self.buffer) - 64))  # a tag may be cut in two

    def _unended(self) -> Iterator[Cut]:
        """A comment that never ends: its content was left out; all events in it are reported as one."""
        offset, held = self.offset, _NEXT.search(self.buffer, self.at)
        self._skip_to(len(self.buffer))
        if held:
            self.number += 1
            fault = f"a comment that begins at offset {offset} has no end; the events in it were left out"
            yield Cut(self.number, offset, "", fault)

    def _cut(self, found: re.Match[str], end: int, *, following: re.Match[str] | None) -> Cut:
        offset, where = self.offset, f"event {self.number} at offset {self.offset}"
        after = end + len(found[0]) + 2 if end >= 0 else len(self.buffer)  # its end tag: a slash and a bracket more
        inner = following is not None and end < 0
        after = following.start() if following is not None and end < 0 else after
        text = self.buffer[self.at : after]
        self._skip_to(after)
        if inner:
            return Cut(self.number, offset, "", f"{where} has no end: another one begins inside it")
        if len(text) > LONGEST:
            return Cut(self.number, offset, "", f"{where} is longer than {LONGEST} characters")
        if end < 0:
            return Cut(self.number, offset, "", f"{where} is cut off")
        return Cut(self.number, offset, f"<Events{self.root}>{text}</Events>" if found[1] else text)

    def _pass_over(self, place: int) -> None:
        """Go on to a place; what is passed is no event: markup is left out, other lines are counted."""
        passed = self.buffer[self.at : place]
        if passed.strip():
            said = [line.strip() for line in _NOISE.sub(" ", passed).splitlines() if line.strip()]
            if said and not self.others:
                self.first = (self.offset, said[0][:_SHOWN])
            self.others += len(said)
        self._skip_to(place)

    def _skip_to(self, place: int) -> None:
        """Go on to a place in the buffer; a root element on the way tells the prefix of its events."""
        passed = self.buffer[self.at : place]
        if not self.root and (found := _ROOT.search(passed)):
            self.root = found[2] or ""
        self.offset += len(passed.encode(self.encoding, "replace"))
        self.at = place
