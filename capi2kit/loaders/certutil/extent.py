"""Extent: which lines of a text are output of certutil, in any language: by what it does not translate, and by the place of the rest.

Names of flags, of sections (AIA, CDP, OCSP), of the two caches and of the program itself are the same in every language. Around
lines that have one of these, lines of label and value, names and hashes belong to the same output, up to a line of prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from capi2kit.loaders.certutil.urlfetch import ELEMENT, TRIED
from capi2kit.loaders.text.labels import column_of, pattern_of

END = re.compile(r"CertUtil: ")  # the last line of every command, in any language
ENTRY = re.compile(rf"\s*(?:{pattern_of('certutil', '(entry)')})[^\S\n]{{0,40}}:", re.IGNORECASE)
# the heading of an entry in an unknown language: how many bytes, of which of the two caches
FOREIGN_ENTRY = re.compile(
    r"\s*(?=[^:\uff1a]{0,60}(?:WinHttp|WinINet))[^:\uff1a]{1,60}[:\uff1a]\s*\d{1,9}\s{1,3}\S.{0,20}", re.IGNORECASE
)
OBJECT = re.compile(r"\s*={8,} (?P<word>\S[^=]{0,40}?)(?: \d+)? ={8,}\s*$")
DUMP = re.compile(r"X\.?509\b[^:\uff1a]{1,60}[:\uff1a]\s*")  # the heading of certutil -dump
COUNT = re.compile(r"\s*\S{0,30}\s?(?:WinHttp|WinINet)[^:\uff1a]{1,60}[:\uff1a]\s*(?P<count>\d{1,9})\s*", re.IGNORECASE)
URL_ALONE = re.compile(r"\s*(?P<url>(?:https?|ldaps?|file)://\S+)\s*$", re.IGNORECASE)
CACHE_FILE = re.compile(r"\\CryptnetUrlCache\\(Content|MetaData)\\", re.IGNORECASE)
CHAIN = re.compile(r"\s*-{4,}\s{1,8}(?:.{0,40}\b(?:AIA|CDP|OCSP)|CERT_CHAIN_CONTEXT)\s{1,8}-{4,}\s*")
# the verdict on a chain that is not shown, with its code at the end of the line
VERDICT = re.compile(
    r"(?:\w{1,12}: )?\w[^:]{10,250} 0x(?:800B01|800920)[0-9A-F]{2} \(-\d{10} \w{3,60}\)\s*", re.IGNORECASE
)
_CACHED = re.compile(r"\s*[^:\uff1a]{1,60}[:\uff1a]\s*\"?[A-Za-z%][^\"]{1,300}\\CryptnetUrlCache\\", re.IGNORECASE)
_FLAGS = re.compile(
    r"\s*(?:(?:dwFlags|ChainFlags) = \w+ \(0x|HCCE_\w+$|CERT_CHAIN_POLICY_\w+$|(?:ChainContext|SimpleChain|Element)\.dw\w+ = )"
)
_STORE = re.compile(r'[\w-]+ "[^"]+"\s*$')
_NAME_PART = re.compile(r"\s*(?:CN|OU|O|DC|E|C|S|L|SERIALNUMBER|STREET|T|[\d.]{5,})=\S")
_LABEL = re.compile(r"\s*[^\s:\uff1a][^:\uff1a]{0,60}[:\uff1a](?!//|\\)")
_HEADING = re.compile(r"[^\s:\uff1a][^:\uff1a]{0,40}[:\uff1a]\s*$")
_SERIAL = re.compile(r"[^:\uff1a]{1,40}[:\uff1a]\s*[0-9A-Fa-f]{8,}\s*$")
_HASH = re.compile(r"[^:\uff1a]{1,40}\((?:sha1|md5|sha256)\)[:\uff1a]\s*[0-9A-Fa-f ]+$", re.IGNORECASE)
_CODE = re.compile(r"\b0x[0-9A-Fa-f]{8} \(")
_COMMAND = re.compile(r"\bcertutil(?:\.exe)?\s+[-/]", re.IGNORECASE)
_PROSE = re.compile(r"(?:\S{1,80}\s{1,8}){14}")
_BLANKS = 3  # empty lines inside one output at most
_ABOVE = 40  # lines from the end of a command up to what it printed
_ALIEN = 12  # of them lines of no known form


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines that certutil printed, as ranges in their order."""
    strong = [_is_strong(text) for text in texts]
    _add_lists(texts, strong)
    if not any(strong):
        return []
    own = list(strong)
    for at, is_strong in enumerate(strong):
        if is_strong and (END.match(texts[at]) or VERDICT.fullmatch(texts[at])):
            _fill_up(own, at, texts=texts, strong=strong)
    _spread(texts, own)
    return _ranges(own)


def _is_strong(text: str) -> bool:
    """Whether nothing else writes such a line."""
    return bool(
        END.match(text) or ELEMENT.match(text) or CHAIN.fullmatch(text) or _FLAGS.match(text) or ENTRY.match(text)
        or FOREIGN_ENTRY.fullmatch(text) or VERDICT.fullmatch(text) or DUMP.fullmatch(text)
        or _CACHED.match(text) or COUNT.fullmatch(text) or _is_object(text) or _is_attempt(text)
    )  # fmt: skip


def _is_object(text: str) -> bool:
    found = OBJECT.fullmatch(text)
    return bool(found) and text.lstrip().startswith("=" * 8)


def _is_attempt(text: str) -> bool:
    found = TRIED.fullmatch(text)
    return bool(found) and not text.lstrip().startswith("<")


def _add_lists(texts: Sequence[str], strong: list[bool]) -> None:
    """URLs alone on their lines are a list of the cache if certutil's count or end follows, or its command is above."""
    at = 0
    while at < len(texts):
        end = at
        while end < len(texts) and (URL_ALONE.fullmatch(texts[end]) or not texts[end].strip()):
            end += 1
        listed = [i for i in range(at, end) if texts[i].strip()]
        follows = end < len(texts) and bool(COUNT.fullmatch(texts[end]) or END.match(texts[end]))
        asked = at > 0 and bool(_COMMAND.search(texts[at - 1]))
        if listed and (follows or asked):
            for i in listed:
                strong[i] = True
        at = max(end, at + 1)


def _fill_up(own: list[bool], at: int, *, texts: Sequence[str], strong: list[bool]) -> None:
    """Take the lines between the end of a command, or its verdict, and what it printed before."""
    alien = 0
    for above in range(at - 1, max(at - _ABOVE, -1), -1):
        if strong[above] or _COMMAND.search(texts[above]):
            for i in range(above + 1, at):
                own[i] = True
            return
        alien += not _is_weak(texts[above]) and bool(texts[above].strip())
        if alien > _ALIEN or (_PROSE.match(texts[above]) and not _CODE.search(texts[above])):
            return


def _is_weak(text: str) -> bool:
    """Whether certutil writes such lines, as others do."""
    bare = text.strip()
    return bool(bare) and bool(
        text[:1].isspace() or _NAME_PART.match(text) or _LABEL.match(text) or _CODE.search(text) or not bare.strip("-=—–")
        or _STORE.fullmatch(bare) or URL_ALONE.fullmatch(text)
    )  # fmt: skip


def _spread(texts: Sequence[str], own: list[bool]) -> None:
    """Take what belongs to the lines taken so far: below them all of its form, above them the heads of an output."""
    _walk(texts, own, order=range(len(texts)), fits=_continues)
    _walk(texts, own, order=range(len(texts) - 1, -1, -1), fits=_leads)


def _walk(texts: Sequence[str], own: list[bool], *, order: range, fits: Callable[[Sequence[str], int], bool]) -> None:
    blank: list[int] = []
    inside = False
    for at in order:
        if own[at]:
            for i in blank if inside else ():
                own[i] = True
            inside, blank = True, []
        elif not inside:
            continue
        elif not texts[at].strip():
            blank.append(at)
            inside = len(blank) <= _BLANKS
        elif fits(texts, at):
            for i in blank:
                own[i] = True
            own[at], blank = True, []
        else:
            inside, blank = False, []


def _continues(texts: Sequence[str], at: int) -> bool:
    """Whether a line goes on what is above it: until the command ends."""
    ended = next((bool(END.match(texts[i])) for i in range(at - 1, -1, -1) if texts[i].strip()), False)
    text = texts[at]
    if ended or _COMMAND.search(text) or (_PROSE.match(text) and not text[:1].isspace()):
        return False
    if not texts[at - 1].strip() and not text[:1].isspace():
        return bool(_CODE.search(text) or _NAME_PART.match(text) or _known(text) or _HASH.match(text))
    return _is_weak(text)


def _leads(texts: Sequence[str], at: int) -> bool:
    """Whether a line leads to what is below it: a name under its label, a serial number, hashes, the command itself."""
    text = texts[at]
    below = next((texts[i] for i in range(at + 1, min(at + 4, len(texts))) if texts[i].strip()), "")
    if _NAME_PART.match(text) or _SERIAL.fullmatch(text) or _HASH.fullmatch(text.strip()) or _STORE.fullmatch(text):
        return True
    if _HEADING.fullmatch(text) and _NAME_PART.match(below):
        return True
    return _known(text) or bool(_COMMAND.search(text) and not _PROSE.match(text))


def _known(text: str) -> bool:
    """Whether a line has a label of certutil that data/labels.csv lists."""
    label = text.strip().partition(":")[0]
    return ":" in text and len(label) < 60 and column_of("certutil", label) is not None


def _ranges(own: list[bool]) -> list[range]:
    found: list[range] = []
    for at, is_own in enumerate(own):
        if is_own and found and found[-1].stop == at:
            found[-1] = range(found[-1].start, at + 1)
        elif is_own:
            found.append(range(at, at + 1))
    return found
