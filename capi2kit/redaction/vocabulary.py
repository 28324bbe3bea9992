"""Vocabulary: the names that a case holds, by kind: whole values, and the words in them that also occur alone.

`learn(kind, value)` takes a value apart: a computer's name into its labels, an account into domain and user, a path into
folders and file, a subject as it is. What is public is not learned.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from capi2kit.redaction.public import is_public

LEAST = 3  # letters: shorter words are not looked for in texts, only replaced where their kind is known
_SUBJECT_PARTS = re.compile(
    r"(?:^|[/+])(?:Subject|Issuer|AlternativeName|\w*Name)(?:\[\d+\])?/(CN|O|OU|L|S|E|DC|SN|G|SERIALNUMBER|STREET|\w*Name|\w*name)$"
)
_COMMON_LABELS = {
    "www",
    "com",
    "net",
    "org",
    "local",
    "example",
    "invalid",
    "test",
    "internal",
    "corp",
    "lan",
    "intern",
    "home",
    "arpa",
}
_RDN = re.compile(r"(?:^|[,;+]\s*)(CN|O|OU|DC|L|S|ST|E|STREET|SERIALNUMBER)\s*=\s*(\"[^\"]*\"|[^,;+]*)", re.IGNORECASE)


class Vocabulary:
    """The names of a case: `whole` values by their kind, `words` with their kind, hashes of public objects."""

    def __init__(self) -> None:
        self.whole: dict[str, str] = {}
        self.words: dict[str, str] = {}
        self.public_hashes: set[str] = set()
        self._by_first: dict[str, list[str]] | None = None

    def learn(self, kind: str, value: str) -> None:
        """Take a value apart and keep its names. Texts are left to `Redactor`, which looks for patterns in them."""
        value = value.strip()
        if not value:
            return
        takes = {"host": self._host, "user": self._user, "sid": self._user, "url": self._url, "path": self._path}
        takes |= {
            "image": self._image,
            "subject": self._subject,
            "pool": self._pool,
            "endpoint": self._endpoint,
            "text": self._json,
        }
        if kind == "hex":
            self._whole(value, "hex")
            self._word(value, "hex")
        else:
            takes[kind](value)

    def candidates(self, first: str) -> list[str]:
        """The names that begin with a word, the longest first."""
        if self._by_first is None:
            found: dict[str, list[str]] = defaultdict(list)
            for name in sorted(self.words, key=len, reverse=True):
                if begin := re.match(r"\w+", name):
                    found[begin[0]].append(name)
            self._by_first = dict(found)
        return self._by_first.get(first, [])

    def protect(self, words: set[str]) -> None:
        """Leave out words that the log itself uses for what they mean: `Wire`, `true`."""
        for word in words & self.words.keys():
            del self.words[word]
        self._by_first = None

    def _whole(self, value: str, kind: str) -> None:
        self.whole.setdefault(value.casefold(), kind)

    def _word(self, value: str, kind: str) -> None:
        if len(value) >= LEAST and re.match(r"\w", value) and not value.isdigit():
            self.words.setdefault(value.casefold(), kind)

    def _host(self, value: str) -> None:
        if is_public("host", value) or re.fullmatch(r"[\d.]+|.*:.*:.*", value):
            if not is_public("host", value):
                self._whole(value, "address")
            return
        labels = value.strip(".").split(".")
        if len(labels) == 1 and _is_common(value):
            return
        self._whole(value, "host")
        for place in range(len(labels) - 1):
            self._word(".".join(labels[place:]), "host")
        for label in labels[:-1] if len(labels) > 1 else labels:
            if not _is_common(label):
                self._word(label, "label")

    def _endpoint(self, value: str) -> None:
        host = value.strip("[]") if value.count(":") > 1 else value.partition(":")[0]
        if re.fullmatch(r"[\d.]+", host) or ":" in host:
            self._word(host, "address")
            self._whole(host, "address")
        else:
            self._host(host)

    def _user(self, value: str) -> None:
        if re.match(r"S-1-\d", value, re.IGNORECASE):
            return  # a pattern finds it
        domain, sign, name = value.rpartition("\\")
        if "@" in name and not sign:
            name, _, domain = name.partition("@")
        if domain and not is_public("user", domain):
            self._host(domain)
        name = name.rstrip("$") if name.endswith("$") else name
        if name and not is_public("user", name) and not is_public("pool", name):
            self._word(name, "user")
            self._whole(name, "user")

    def _url(self, value: str) -> None:
        try:
            parts = urlsplit(value)
            host = parts.hostname
        except ValueError:
            return
        if host is None:
            self._url_path(value)
        elif not is_public("host", host):
            self._endpoint(host)
            self._url_path(parts.path)

    def _url_path(self, path: str) -> None:
        for part in path.split("?", maxsplit=1)[0].split("/"):
            self._file(unquote(part), public="urlpart")

    def _path(self, value: str) -> None:
        parts = [part for part in re.split(r"[\\/!]+", value) if part]
        for place, part in enumerate(parts):
            if re.fullmatch(r"[A-Za-z]:|\?|\.", part):
                continue
            if place < len(parts) - 1:
                if not is_public("folder", part) and not is_public("file", part):
                    self._file(part, public="folder")
            else:
                self._file(part, public="file")

    def _file(self, name: str, *, public: str) -> None:
        """A file or folder: its name without the ending."""
        if any(is_public(kind, name) for kind in (public, "file", "image")):
            return
        stem, dot, ending = name.rpartition(".")
        stem = stem if dot and stem and len(ending) <= 6 else name
        if not re.fullmatch(r"[0-9A-Fa-f]{16,}", stem):
            self._word(stem, "file")

    def _image(self, value: str) -> None:
        if not is_public("image", value):
            self._whole(value, "image")
            self._file(value, public="image")

    def _subject(self, value: str) -> None:
        names = [found[2].strip('" ') for found in _RDN.finditer(value)] or [value]
        if is_public("subject", names[0]) or is_public("product", names[0]):
            self._whole(value, "public")
            return
        for name in names:
            if (
                not is_public("subject", name)
                and not is_public("product", name)
                and name.casefold() not in _COMMON_LABELS
                and len(name) > 2
            ):
                self._word(name, "subject")
        if names == [value]:
            self._whole(value, "subject")

    def _pool(self, value: str) -> None:
        if not is_public("pool", value):
            self._whole(value, "pool")
            self._word(value, "pool")

    def _json(self, value: str) -> None:
        """What a text in JSON says of subjects; other texts are left to the patterns."""
        if not value.startswith("{"):
            return
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self._subject_parts(found)

    def _subject_parts(self, found: dict) -> None:
        for owner in ("Subject", "Issuer"):
            names = [text for key, text in _texts(found) if key.endswith(f"{owner}/CN")]
            if names and (is_public("subject", names[0]) or is_public("product", names[0])):
                mine = (f"{owner}/", "AlternativeName/") if owner == "Subject" else (f"{owner}/",)
                found = {key: text for key, text in found.items() if not any(part in key for part in mine)}
        for key, text in _texts(found):
            if part := _SUBJECT_PARTS.search(key):
                take = self._host if part[1] in ("DNSName", "DC") else self._user if part[1] == "E" else self._subject
                take(text)


def _is_common(label: str) -> bool:
    """Whether a label of a computer's name says nothing of whose it is."""
    return label.casefold() in _COMMON_LABELS or is_public("urlpart", label) or is_public("subject", label)


def _texts(found: dict) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield str(key), text
