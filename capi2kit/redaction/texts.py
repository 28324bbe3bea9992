"""Texts: the names in a value replaced by pseudonyms: a whole value whose kind is known, else what looks like a name, and known words.

One pass from left to right: what was replaced is not looked at again.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote

from capi2kit.redaction.keys import Key
from capi2kit.redaction.pseudonyms import Pseudonyms
from capi2kit.redaction.public import is_public, is_public_account
from capi2kit.redaction.vocabulary import Vocabulary

_NAME = r"[^\\/:*?\"<>|\r\n\t]"
_PATTERNS = re.compile(
    r"(?P<url>\b[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>|]*)"
    r"|(?P<base64>(?<![A-Za-z0-9+/])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[0-9])[A-Za-z0-9+/]{60,}={0,2})"
    rf"|(?P<path>(?:\b[A-Za-z]:|(?<![\w\\])\\\\?(?:\?\\|\.\\)?{_NAME}{{1,80}}?)\\(?:{_NAME}{{1,120}}\\)*"
    rf"(?:{_NAME}{{1,120}}?\.[A-Za-z0-9]{{1,6}}(?![\w.])|[^\\/:*?\"<>|\s,;()]*))"
    r"|(?P<mail>\b[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    r"|(?P<sid>\bS-1-\d+(?:-\d+)+)"
    r"|(?P<guid>\{?\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b\}?)"
    r"|(?P<address>(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d))"
    r"|(?P<address6>(?<![\w:])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{3,39}(?:%\w+)?(?![\w:]))"
    r"|(?P<hex>(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){16,}(?![0-9A-Za-z]))"
    r"|(?P<word>\w+)"
)
_KINDS = {"host": "h", "label": "n", "user": "u", "file": "f", "subject": "s", "pool": "a"}
_VERSION = re.compile(r"(?:Version\s*=\s*|\bv)$", re.IGNORECASE)
_SHORT_BYTES = 8  # hexadecimal digits: a number, no name
_END = "invalid"  # the last label of every name of ours: a domain that never exists (RFC 2606)


class Redactor:
    """Replaces the names of a vocabulary, and what looks like a name, by the pseudonyms of a key. `replaced` counts the names."""

    def __init__(self, vocabulary: Vocabulary, key: Key) -> None:
        self.vocabulary = vocabulary
        self._pseudonyms = Pseudonyms(key)
        self._done: dict[str, str] = {}

    def text(self, value: str) -> str:
        """A value with pseudonyms for its names."""
        if value not in self._done:
            kind = self.vocabulary.whole.get(value.strip().casefold())
            self._done[value] = self._of_kind(kind, value.strip()) if kind else self._scanned(value)
        return self._done[value]

    def line(self, value: str) -> str:
        """A line of a text, which is not kept: there may be many."""
        return self._scanned(value)

    def file_name(self, value: str) -> str:
        """The name of a file, with its ending."""
        return self._file(value, public="file")

    def bytes_as_text(self, value: str) -> str:
        """Bytes written as hexadecimal digits: others, as many, for they may spell names."""
        digits = value.strip()
        return self._pseudonyms.digits(digits) if len(digits) > _SHORT_BYTES else value

    def _of_kind(self, kind: str, value: str) -> str:
        if kind == "public":
            return value
        if kind == "hex":
            return self._hash(value)
        if kind == "address":
            return self._pseudonyms.address(value)
        if kind == "host":
            return self._host(value)
        if kind == "image":
            return self._file(value, public="image")
        return self._pseudonyms.word(_KINDS[kind], value)

    def _scanned(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        while match := _PATTERNS.search(text, at):
            parts.append(text[at : match.start()])
            kind = match.lastgroup or "word"
            if kind == "word":
                name = self._known(text, match.start(), first=match[0])
                parts.append(self._of_kind(self.vocabulary.words[name.casefold()], name) if name else match[0])
                at = match.start() + len(name or match[0])
                continue
            parts.append(self._found(kind, match[0], before=text[: match.start()]))
            at = match.end()
        return "".join([*parts, text[at:]])

    def _known(self, text: str, start: int, *, first: str) -> str | None:
        """The longest known name that begins here and ends at the end of a word, as the text spells it."""
        for name in self.vocabulary.candidates(first.casefold()):
            end = start + len(name)
            if text[start:end].casefold() == name and not (text[end : end + 1].isalnum()):
                return text[start:end]
        return None

    def _found(self, kind: str, value: str, *, before: str) -> str:
        if kind == "url":
            address = value.rstrip(")].,;")
            return self._url(address) + value[len(address) :]
        if kind == "path":
            return self._path(value)
        if kind == "mail":
            name, _, domain = value.partition("@")
            return f"{self._pseudonyms.word('u', name)}@{self._host(domain)}"
        if kind == "sid":
            return value if is_public_account(value) else self._pseudonyms.sid(value)
        if kind == "hex":
            return self._hash(value)
        if kind == "base64":
            return self._pseudonyms.word("b", value)
        if kind in ("address", "address6"):
            return self._address(value, before=before)
        return value  # a GUID

    def _address(self, value: str, *, before: str) -> str:
        known = value.casefold() in self.vocabulary.words
        try:
            private = ipaddress.ip_address(value.partition("%")[0]).is_private
        except ValueError:
            return value
        return self._pseudonyms.address(value) if known or (private and not _VERSION.search(before)) else value

    def _hash(self, value: str) -> str:
        return value if value.casefold() in self.vocabulary.public_hashes else self._pseudonyms.digits(value)

    def _host(self, name: str) -> str:
        """A name by its labels, so that a computer and its domain keep belonging together."""
        if is_public("host", name):
            return name
        if re.fullmatch(r"[\d.]+", name) or ":" in name:
            return self._pseudonyms.address(name)
        labels = name.rstrip(".").split(".")
        if len(labels) == 1:
            return self._pseudonyms.word("n", name)
        parts = (label if is_public("urlpart", label) else self._pseudonyms.word("n", label) for label in labels[:-1])
        made = ".".join([*parts, _END])
        return self._pseudonyms.keep(made, name)

    def _url(self, url: str) -> str:
        scheme, _, rest = url.partition("://")
        place, slash, path = re.fullmatch(r"([^/?#]*)([/?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
        user, at, hostport = place.rpartition("@")
        found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?(.*)", hostport, re.DOTALL)
        host, port, odd = (found[1], found[2] or "", found[3]) if found else (hostport, "", "")
        if host and is_public("host", host.strip("[]")) and not at and scheme.lower() != "file":
            return url
        shown = f"[{self._host(host[1:-1])}]" if host.startswith("[") else self._host(host) if host else ""
        shown = f"{self._pseudonyms.word('u', user)}@{shown}" if at else shown
        return f"{scheme}://{shown}{port}{self._pseudonyms.word('x', odd) if odd else ''}{slash}{self._url_path(path)}"

    def _url_path(self, path: str) -> str:
        """The parts of a path, and the values of a query; what everybody knows stays, and so do endings."""
        path, mark, query = path.partition("?")
        parts = [self._url_part(part) for part in path.split("/")]
        asked = "".join(self._query(pair) for pair in re.split(r"([&?])", query)) if mark else ""
        return "/".join(parts) + mark + asked

    def _url_part(self, part: str) -> str:
        return quote(self._file(unquote(part), public="urlpart")) if part else ""

    def _query(self, pair: str) -> str:
        if pair in "&?":
            return pair
        name, sign, value = pair.partition("=")
        named = name if is_public("urlpart", name) or not name else self._pseudonyms.word("x", name)
        return (
            f"{named}{sign}{self._pseudonyms.word('x', value) if value and not is_public('urlpart', value) else value}"
        )

    def _path(self, path: str) -> str:
        """The folders and the file of a path, each by itself; what every Windows has stays."""
        pieces = re.split(r"([\\/!]+)", path)
        last = len(pieces) - 1
        share = path.startswith("\\\\") and not path.startswith(("\\\\?", "\\\\."))
        made = []
        for place, piece in enumerate(pieces):
            if place % 2 or not piece or re.fullmatch(r"[A-Za-z]:|\?|\.+", piece):
                made.append(piece)
            elif share and place == 2:
                made.append(self._host(piece))
            elif place == last:
                made.append(self._file(piece, public="folder"))
            else:
                made.append(piece if is_public("folder", piece) else self._file(piece, public="folder"))
        return "".join(made)

    def _file(self, name: str, *, public: str) -> str:
        """A file or folder: its name, not its ending."""
        if not name or any(is_public(kind, name) for kind in (public, "file", "image")):
            return name
        stem, dot, ending = name.rpartition(".")
        stem, tail = (stem, f".{ending}") if dot and stem and len(ending) <= 6 else (name, "")
        if re.fullmatch(r"[0-9A-Fa-f]{16,}", stem):
            return self._hash(stem) + tail
        known = self.vocabulary.words.get(stem.casefold())
        if known and known not in ("host", "address"):
            return self._of_kind(known, stem) + tail
        return self._pseudonyms.word("f", stem) + tail
