"""Pages and mails: the text that a reader sees of a page saved from a browser, or of a mail in its own format.

The page is taken apart by lxml, the mail by the standard library. Lines are then counted in the text that is left, and that is
reported. Attachments that are no text are named, so that nobody believes they were read.
"""

from __future__ import annotations

import re
from email import message_from_string, policy
from email.message import EmailMessage

from lxml import etree
from lxml import html as pages

_PAGE = re.compile(
    r"\s*+(?:<\?xml[^>]*>\s*+)?(?:<!--(?>.*?-->)\s*+)*+(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL
)
_PART = re.compile(r"</?(?:p|div|br|pre|span|table|li|blockquote)(?:\s[^<>]*)?/?>")
_ENDING = re.compile(r"\.(?:x?html?)$", re.IGNORECASE)
_FEWEST = 3  # tags of a page that has no beginning
_HEADER = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]{1,40}: ?.*\n(?:[ \t].*\n)*+)++")
_MAIL = re.compile(r"(?im)^(?:MIME-Version|Message-ID|Received|Return-Path|Content-Type):")
_RAW = re.compile(r"<(?=/?[A-Z][a-z][A-Za-z]*+(?:[\s/>]|$))")  # tags of an event that nobody escaped: no tag of a page
_BLOCKS = frozenset(
    "address article aside blockquote body br center dd details div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li "
    "main nav ol option p pre section summary table tbody td textarea tfoot th thead title tr ul".split()
)
_UNSEEN = frozenset("script style noscript template svg head".split())
_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def text_of(text: str, *, name: str) -> tuple[str, list[str]]:
    """What a reader sees of a page or a mail, and how it was taken out; any other text as it is."""
    header = _HEADER.match(text.lstrip("\ufeff\n").replace("\r\n", "\n"))
    if header and _MAIL.search(header[0]):
        return _of_mail(text)
    if _is_page(text, name):
        return _of_page(text), ["the text of a page; numbers of lines count in that text"]
    return text, []


def _is_page(text: str, name: str) -> bool:
    if _PAGE.match(text[: 1 << 14]):
        return True
    few = text[: 1 << 18]
    tags = len(_PART.findall(few))
    return tags > few.count("\n") or (tags >= _FEWEST and bool(_ENDING.search(name)))


def _of_page(text: str) -> str:
    """The text of a page, a line for each of its blocks and breaks; lines in it stay lines."""
    text = _INVALID.sub(" ", _RAW.sub("&lt;", text))
    parser = pages.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, huge_tree=False, encoding="utf-8")
    try:
        tree = pages.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return text
    page = _Page()
    for happens, element in etree.iterwalk(tree, events=("start", "end")):
        name = element.tag if isinstance(element.tag, str) else ""
        if happens == "start":
            page.begin(name, element.text)
        else:
            page.end(name, element.tail if element is not tree else None)
    lines = "".join(page.parts).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines)


class _Page:
    """The text of a page so far; `_hidden`: how many elements around the present place are not seen."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._hidden = 0
        self._open = False  # the last line has something on it

    def begin(self, name: str, text: str | None) -> None:
        """Go into an element."""
        self._hidden += name in _UNSEEN
        if name in _BLOCKS and self._open:
            self._add("\n")
        self._add(text or "")

    def end(self, name: str, tail: str | None) -> None:
        """Leave an element, and take the text behind it."""
        if name in ("td", "th"):
            self._add("\t")
        elif name in _BLOCKS and self._open:
            self._add("\n")
        self._hidden -= name in _UNSEEN
        self._add(tail or "")

    def _add(self, text: str) -> None:
        if text and not self._hidden:
            self.parts.append(text)
            self._open = not text.endswith("\n")


def _of_mail(text: str) -> tuple[str, list[str]]:
    """The bodies of a mail and its attachments that are text, one below the other."""
    mail = message_from_string(text.lstrip("\ufeff\n"), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    steps, found = list[str](), list[str]()
    body = mail.get_body(preferencelist=("plain", "html"))
    for part in mail.walk():
        if part.is_multipart() or (
            part.get_content_maintype() == "text" and not part.is_attachment() and part is not body
        ):
            continue
        kind, title = part.get_content_type(), part.get_filename() or "without a name"
        if part.get_content_maintype() != "text":
            size = len(part.get_payload(decode=True) or b"")
            steps.append(
                f"the attachment {title} ({kind}, {size:,} bytes) was not read: save it beside the mail and load it"
            )
            continue
        content = _content(part)
        found.append(_of_page(content) if kind == "text/html" else content)
        steps.append(
            f"the text of {'the mail' if part is body else f'its attachment {title}'}; numbers of lines count in that text"
        )
    return "\n".join(found), steps


def _content(part: EmailMessage) -> str:
    """The text of a part; bytes that are none in its encoding become marks."""
    try:
        return str(part.get_content())
    except (LookupError, ValueError, KeyError):
        return (part.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[union-attr]
