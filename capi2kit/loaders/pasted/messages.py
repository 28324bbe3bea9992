"""Messages: events that a text shows by their message alone, or by a line of prose above it: `Event ID 36870, Schannel`.

How the messages of an event begin is in `data/messages.csv`. A message below the labels of a block belongs to that block.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from capi2kit.knowledge import rows
from capi2kit.loaders.pasted.blocks import Block

_ID = re.compile(r"\bevent\s?(?:id)?\s{0,3}[:#=]?\s{0,3}(?P<id>\d{1,5})\b", re.IGNORECASE)
_LEVEL = re.compile(r"\blevel\s{0,3}[:=]?\s{0,3}(?P<level>[A-Za-z]{4,11})\b", re.IGNORECASE)
_ABOVE = 200  # characters of a line of prose that names the event
_CELLS = 4  # of the row of a table that is an event
_NEAR = re.compile(r"[ \t]*(?:\r?\n[ \t]*){1,3}")  # what may be between a block or a line of prose and the message
_END = re.compile(r"\n[ \t]*(?:\r?\n|$)|\Z")


def with_messages(blocks: list[Block], text: str, *, left: str) -> list[Block]:
    """The blocks of a text, those without a description with the message below them, and its messages without a block.

    `left`: the text with blanks where another loader reads it.
    """
    found = sorted(blocks, key=lambda block: block.begin)
    begins = [block.begin for block in found]
    alone: list[Block] = []
    for begin, end, known in _messages(left):
        at = bisect_right(begins, begin) - 1
        if at >= 0 and begin < found[at].end:
            continue  # the description of a block
        if at >= 0 and _is_of(found[at], begin, known=known, text=text):
            values = {"channel": known[0]["channel"]} | found[at].values | {"description": _plain(text[begin:end])}
            found[at] = found[at]._replace(values=values, end=end)
        elif not _in_a_row(text, begin, known=known):
            alone.append(_alone(text, begin, end=end, known=known))
    return sorted([*found, *alone], key=lambda block: block.begin)


@cache
def _known() -> tuple[re.Pattern[str], dict[str, tuple[dict[str, str], ...]]]:
    """A pattern for the beginnings of all messages, and the events of each."""
    events: dict[str, list[dict[str, str]]] = {}
    for row in rows("messages"):
        events.setdefault(_plain(row["begins"]), []).append(row)
    words = (r"\s{1,3}".join(map(re.escape, begins.split())) for begins in sorted(events, key=len, reverse=True))
    either = "|".join(words)  # inside a line, only where its value follows: `… cab at: <http://…`
    pattern = re.compile(
        rf"^[ \t\"'>*]{{0,8}}(?P<begins>{either})|(?<=[\s\"':(])(?P<inside>{either})(?=\s?<\w)", re.MULTILINE
    )
    return pattern, {begins: tuple(found) for begins, found in events.items()}


def _messages(text: str) -> Iterator[tuple[int, int, tuple[dict[str, str], ...]]]:
    """Where messages begin and their first paragraph ends, and the events that they can be of."""
    pattern, events = _known()
    for found in pattern.finditer(text):
        stop = _END.search(text, found.end())
        begins = "begins" if found["begins"] else "inside"
        yield found.start(begins), stop.start() if stop else len(text), events[_plain(found[begins])]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _is_of(block: Block, begin: int, *, known: tuple[dict[str, str], ...], text: str) -> bool:
    """Whether a message that begins there is that of a block above it."""
    lacks = not block.values.get("description") and block.end <= begin
    return (
        lacks
        and any(row["event_id"] == block.values["event_id"].strip() for row in known)
        and not text[block.end : begin].strip(" \t\r\n\"'>*")
    )


def _in_a_row(text: str, begin: int, *, known: tuple[dict[str, str], ...]) -> bool:
    """Whether the line above a message is the row of a table with the id of its event: the row is the event."""
    line = _line_above(text, begin)
    cells = [cell.strip() for cell in re.split(r"[\t|]", text[line.start : line.stop])]
    return len(cells) >= _CELLS and any(row["event_id"] in cells for row in known)


def _alone(text: str, begin: int, *, end: int, known: tuple[dict[str, str], ...]) -> Block:
    """A message as a block: of which event it is, the line above it may say."""
    line = _line_above(text, begin)
    named = _ID.search(text[line.start : line.stop])
    row = next((row for row in known if named and row["event_id"] == named["id"]), known[0])
    values = {name: row[name] for name in ("provider", "channel", "event_id")} | {
        "description": _plain(text[begin:end])
    }
    if named and named["id"] == row["event_id"]:
        level = _LEVEL.search(text[line.start : line.stop])
        values |= {"level": level["level"]} if level else {}
        return Block(values, line.start, end, inferred="its message, and the line above it, say which event it is")
    return Block(values, begin, end, inferred="only its message is there; it says which event it is")


def _line_above(text: str, begin: int) -> range:
    """The line of prose above a message; empty if nothing is there."""
    above = text[max(begin - _ABOVE, 0) : begin]
    bare = above.rstrip(" \t\r\n\"'>*")
    gap = above[len(bare) :]
    start = begin - len(above) + bare.rfind("\n") + 1
    return range(start, begin - len(gap)) if _NEAR.fullmatch(re.sub(r"[\"'>*]", "", gap)) else range(begin, begin)
