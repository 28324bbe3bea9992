"""Edition: what a customer's report says beyond the evidence: title, client, case, examiner, logo, notes, date.

The files are read here, and checked: a logo is a PNG or JPEG picture, notes are Markdown, of which headings,
paragraphs, lists and code are kept as text. Nothing in them can act: no link, no picture, no HTML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from capi2kit.errors import OutputError
from capi2kit.render.parts import Block
from capi2kit.words import visible

if TYPE_CHECKING:
    from markdown_it.token import Token

PathLike = str | os.PathLike[str]
_PICTURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
_LOGO_BYTES, _NOTES_BYTES, _PIXELS = 5_000_000, 1_000_000, 25_000_000
_EPOCH = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True)
class Logo:
    """A picture: its bytes, and png or jpeg."""

    content: bytes
    kind: str


@dataclass(frozen=True)
class Packed:
    """An archive that evidence came in: its path as given, its size, its SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Edition:
    """What the report says of itself. `options`: those of the command that change results, as ``name: value``; `archives`: those
    that evidence came in."""

    title: str = ""
    client: str = ""
    case: str = ""
    examiner: str = ""
    day: str = ""
    logo: Logo | None = None
    notes: list[Block] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    archives: list[Packed] = field(default_factory=list)
    files: list[PathLike] = field(default_factory=list)  # the logo and the notes: not to be written over

    @property
    def is_for_customers(self) -> bool:
        """Whether the report gets a cover and what belongs to it."""
        return bool(self.title or self.client or self.case or self.examiner or self.logo or self.notes)


def read_edition(
    *,
    title: str | None = None,
    client: str | None = None,
    case: str | None = None,
    examiner: str | None = None,
    logo: PathLike | None = None,
    notes: PathLike | None = None,
    day: str | date | None = None,
) -> Edition:
    """An edition from what a user gives. Raises OutputError for a logo or notes that cannot be used, or a date that is none."""
    return Edition(
        title=visible(title or ""),
        client=visible(client or ""),
        case=visible(case or ""),
        examiner=visible(examiner or ""),
        day=_day(day),
        logo=_logo(logo) if logo is not None else None,
        notes=_notes(notes) if notes is not None else [],
        files=[path for path in (logo, notes) if path is not None],
    )


def with_options(edition: Edition, options: Mapping[str, str]) -> Edition:
    """The edition with the options that changed results, as ``name: value``."""
    return replace(edition, options=[f"{name}: {visible(value)}" for name, value in options.items()])


def _day(given: str | date | None) -> str:
    """The date that was given, else that of SOURCE_DATE_EPOCH, else none: a report does not change with the day it is made on."""
    if given is None and (epoch := os.environ.get(_EPOCH)):
        try:
            return datetime.fromtimestamp(int(epoch), UTC).date().isoformat()
        except (ValueError, OverflowError, OSError) as err:
            message = f"{_EPOCH}: {epoch!r} is not a number of seconds since 1970; unset it, or give a date"
            raise OutputError(message, path=_EPOCH) from err
    if given is None or isinstance(given, date):
        return given.isoformat()[:10] if given else ""
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as err:
        raise OutputError(f"{given!r} is not a date; write it as 2026-11-27", path=given) from err


def _read(path: PathLike, *, most: int, what: str) -> bytes:
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        raise OutputError(
            f"{visible(name)}: the {what} cannot be read ({reason}); name another file", path=name
        ) from err
    if len(content) > most:
        raise OutputError(f"{visible(name)}: the {what} is larger than {most:,} bytes; make it smaller", path=name)
    return content


def _logo(path: PathLike) -> Logo:
    content = _read(path, most=_LOGO_BYTES, what="logo")
    kind = next((kind for begin, kind in _PICTURES.items() if content.startswith(begin)), None)
    if kind is None or not _can_be_drawn(content, kind):
        message = f"{visible(os.fspath(path))}: is not a PNG or JPEG picture that can be read; save the logo as PNG"
        raise OutputError(message, path=os.fspath(path))
    return Logo(content, kind)


def _can_be_drawn(content: bytes, kind: str) -> bool:
    """Whether the picture can be decoded whole: one that breaks off, or is a bomb, is refused here."""
    from io import BytesIO

    from PIL import Image  # matplotlib needs it, so it is there

    try:
        with Image.open(BytesIO(content), formats=[kind.upper()]) as picture:
            if picture.width * picture.height > _PIXELS:
                return False
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def _notes(path: PathLike) -> list[Block]:
    """Markdown as blocks of text. What is no UTF-8 is shown as U+FFFD."""
    from markdown_it import MarkdownIt  # `rich` needs it, so it is there

    text = _read(path, most=_NOTES_BYTES, what="file of notes").decode("utf-8-sig", "replace")
    blocks: list[Block] = []
    kind = "text"
    depth = 0
    for token in MarkdownIt("commonmark", {"html": False}).parse(text):
        if token.type == "heading_open":
            kind = "heading"
        elif token.type == "list_item_open":
            depth += 1
        elif token.type == "list_item_close":
            depth -= 1
        elif token.type == "inline":
            said = _plain_text(token.children or [])
            blocks.append(Block("item" if depth and kind == "text" else kind, visible(said)))
            kind = "text"
        elif token.type in ("fence", "code_block", "html_block"):
            blocks += [Block("code", visible(line)) for line in token.content.rstrip("\n").split("\n")]
    return blocks


def _plain_text(tokens: list[Token]) -> str:
    """The words of a line of Markdown; the address of a link in brackets behind them."""
    parts: list[str] = []
    address = ""
    for token in tokens:
        if token.type == "link_open":
            address = str(token.attrs.get("href", ""))
        elif token.type == "link_close":
            parts.append(f" ({address})" if address and [address] != parts[-1:] else "")
        else:
            parts.append(" " if token.type in ("softbreak", "hardbreak") else token.content)
    return "".join(parts)
