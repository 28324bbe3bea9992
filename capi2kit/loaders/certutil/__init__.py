"""Loader `certutil`: what certutil printed of URL caches, of URLs it fetched, and of certificate stores.

One file may hold the output of several commands. What is between their blocks (prompts, prose) makes no rows of its own; the
verdict on a whole chain is a row of `verifications`, and its lines are kept with the certificate at the head of the chain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from capi2kit.columns.cells import shaped
from capi2kit.knowledge.urls import url_role
from capi2kit.loaders.certutil.extent import COUNT, DUMP, END, ENTRY, OBJECT, URL_ALONE, own_lines
from capi2kit.loaders.certutil.places import in_english
from capi2kit.loaders.certutil.store import KINDS, TIMES, certificate_table, kind_of_dump, read_object
from capi2kit.loaders.certutil.urlcache import FIELDS, cache_lines, with_times
from capi2kit.loaders.certutil.urlfetch import ELEMENT, FETCHES, read_element
from capi2kit.loaders.certutil.verification import verification_table, verifications_in
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.codepages import in_unicode
from capi2kit.loaders.text.labels import column_of, labelled
from capi2kit.loaders.text.lines import Line, check_size, lines, source_of
from capi2kit.loaders.text.localtimes import columns_in_utc
from capi2kit.winevent import Batch

__all__ = ["LOOKS_FOR", "NAME", "own_lines", "read"]

NAME = "certutil"
LOOKS_FOR = "output of certutil -urlcache, -verify -urlfetch or -store"
Cells = dict[str, str | None]
_NUMBER = re.compile("[0-9]{1,9}")
_STORE = re.compile(r'(?P<name>[\w-]+) "[^"]+"\s*$')
_KINDS = (
    ("end", END),
    ("entry", ENTRY),
    ("element", ELEMENT),
    ("section", FETCHES),
    ("object", OBJECT),
    ("dump", re.compile(rf"{DUMP.pattern}$")),
    ("url", URL_ALONE),
    ("store", _STORE),
)


def _begins(line: str) -> str | None:
    """What begins or ends with this line: entry, object, element, section, url, store, count, end, or nothing."""
    return next((kind for kind, form in _KINDS if form.match(line)), "count" if _count(line) is not None else None)


@dataclass
class _Part:
    """Lines that belong together: entries of a cache, a list of URLs, one object, one element of a chain."""

    kind: str
    store: str | None
    lines: list[Line] = field(default_factory=list)
    ended: bool = False  # something follows that is known not to belong to it
    count: int | None = None  # entries that certutil says it listed
    deleted: bool = False  # ... or that it deleted
    verdict: bool = False  # these lines follow a chain


@dataclass
class _Found:
    """What the parts of a file hold."""

    problems: Problems
    entries: list[Cells] = field(default_factory=list)
    objects: list[Cells] = field(default_factory=list)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `cache_entries`, `certificates`, `verifications`, and the `sources` row and `problems`.

    `promised` counts the entries and certificates found, or the entries that certutil says it listed if that is more.
    """
    check_size(file)
    problems = Problems()
    found = _Found(problems)
    text = list(in_english(lines(in_unicode(file, problems), problems)))
    for part in _parts(text):
        _READERS[part.kind](part, found)
    texts = {"last_sync": [cells.get("last_sync_text") for cells in found.entries]}
    texts |= {column: [cells.get(column) for cells in found.objects] for column in TIMES}
    stamps, wrong = columns_in_utc(texts, tz=asked.tz, problems=problems)
    wrong.pop("last_sync")
    loaded = len(found.entries) + len(found.objects)
    if not loaded:
        problems.add("file", "no entry", message="certutil printed no cache entry, fetched URL or certificate here")
    yield {
        "cache_entries": with_times(found.entries, last_sync=stamps["last_sync"]),
        "certificates": certificate_table(found.objects, stamps=stamps, wrong=wrong),
        "verifications": verification_table(verifications_in(text)),
        "sources": source_of(problems, loaded=loaded, engine=NAME),
        "problems": shaped(problems.table(), "problems"),
    }


def _parts(found: Iterable[Line]) -> Iterator[_Part]:
    """The lines of a file in parts, in order."""
    part, store = _Part("rest", None), None
    for line in found:
        kind = _begins(line.text)
        if kind == "store" and part.kind in ("rest", "object"):
            store = line.text.split(" ", 1)[0]
        elif kind in ("end", "count") or _opens(kind, part) or _leaves(line.text, part):
            part.ended = True
            part.count, part.deleted = _count(line.text), _is_deletion(line.text)
            if kind == "end":
                store = None
                part.lines += [line] if part.verdict else []
            yield part
            part = _next(part, line, kind=kind, store=store)
        else:
            part.lines.append(line)
    yield part


def _next(part: _Part, line: Line, *, kind: str | None, store: str | None) -> _Part:
    """The part that begins with a line."""
    chain = part.kind in ("element", "section")
    verdict = chain or (part.verdict and kind != "end")
    keeps = kind != "count" and (kind != "end" or chain)
    new = kind if kind in _READERS else "rest"
    return _Part(new, store, [line] if keeps else [], verdict=verdict)


def _opens(kind: str | None, part: _Part) -> bool:
    """Whether a line opens a new part; entries of one cache are one part, as are the URLs of a list."""
    if kind in ("url", "section"):
        return part.kind == "rest"
    if kind == "dump":  # with -v it is below the heading of its object
        return part.kind != "object" or len(part.lines) > 1
    return kind in ("entry", "object", "element") and (kind, part.kind) != ("entry", "entry")


def _leaves(text: str, part: _Part) -> bool:
    """Whether a line ends an element, whose lines are indented; pasted text may have lost that."""
    if part.kind not in ("element", "section"):
        return False
    indented = any(line.text[:1].isspace() for line in part.lines[1:3])
    return indented and bool(text.strip()) and not text[:1].isspace()


def _count(text: str) -> int | None:
    """The number of entries that certutil says it listed; None for other lines."""
    pair = labelled(text)
    known = pair and (column_of(NAME, pair[0]) in ("(entries)", "(deleted)") or COUNT.fullmatch(text))
    return int(pair[1]) if pair and known and _NUMBER.fullmatch(pair[1]) else None


def _is_deletion(text: str) -> bool:
    pair = labelled(text)
    return pair is not None and column_of(NAME, pair[0]) == "(deleted)"


def _read_cache(part: _Part, found: _Found) -> None:
    """Entries with labels. The last one is noted if it lacks what others have and nothing follows it."""
    entries = cache_lines("\n".join(line.text for line in part.lines))
    for cells in entries:
        cells["line"] = str(part.lines[int(cells["line"] or 1) - 1].number)
        lacks = [name.removesuffix("_text") for name in FIELDS if cells[name] is None]
        if lacks and (cells["url"] is None or (cells is entries[-1] and not part.ended)):
            _note_cut(found.problems, cells, lacks=lacks, last=not part.ended and cells is entries[-1])
    _check_count(part, len(entries), found=found)
    found.entries += entries


def _read_list(part: _Part, found: _Found) -> None:
    """A URL on each line: all that certutil prints without -v."""
    urls = [(line, match["url"]) for line in part.lines if (match := URL_ALONE.fullmatch(line.text))]
    if part.deleted:
        message = f"what certutil deleted from the cache is in no table: {part.count} at line {part.lines[0].number}"
        found.problems.add("record", "deleted entries", message=message)
        return
    _check_count(part, len(urls), found=found)
    found.entries += [
        {"line": str(line.number), "command": "urlcache", "url": url, "url_role": url_role(url)} for line, url in urls
    ]


def _check_count(part: _Part, there: int, *, found: _Found) -> None:
    if part.count is not None and part.count > there:
        message = f"certutil says that it listed {part.count} entries, but {there} are here: the others were cut out"
        found.problems.add("record", "missing entries", message=message, lost=part.count - there)


def _read_store(part: _Part, found: _Found) -> None:
    """One object of a store."""
    word = OBJECT.fullmatch(part.lines[0].text)
    kind = KINDS.get(column_of(NAME, word["word"]) or "") if word else kind_of_dump(part.lines)
    cells = read_object(part.lines, kind=kind, store=part.store)
    _check_object(part, cells, found=found)
    found.objects.append(cells)


def _read_chain(part: _Part, found: _Found) -> None:
    """One element of a chain."""
    element = read_element(part.lines, problems=found.problems)
    _check_object(part, element.objects[0], found=found)
    found.entries += element.tried
    found.objects += element.objects


def _read_fetches(part: _Part, found: _Found) -> None:
    """URLs that were fetched, of a certificate that is not shown."""
    found.entries += read_element(part.lines, problems=found.problems).tried


def _check_object(part: _Part, cells: Cells, *, found: _Found) -> None:
    names = ("issuer", "thumbprint") if cells.get("kind") in ("crl", "ctl") else ("subject", "thumbprint")
    lacks = [name for name in names if cells.get(name) is None]
    if lacks and (not part.ended or len(lacks) == len(names)):
        _note_cut(found.problems, cells, lacks=lacks, last=not part.ended)


def _note_cut(problems: Problems, cells: Cells, *, lacks: list[str], last: bool) -> None:
    why = "the file ends inside it" if last else "its lines are missing, or their labels are in an unknown language"
    message = f"the entry at line {cells['line']} has no {', '.join(lacks)}: {why}. It is kept with what it has"
    problems.add("record", "incomplete entry", message=message)


def _read_rest(part: _Part, found: _Found) -> None:
    """Lines outside all blocks: after a chain, the verdict on it, kept with the certificate at its head."""
    _check_count(part, 0, found=found)
    said = [line.text.strip() for line in part.lines if line.text.strip()]
    head = next((cells for cells in reversed(found.objects) if cells.get("depth") == "0"), None)
    if said and part.verdict and head is not None:
        more = json.loads(head["extra"] or "{}")
        head["extra"] = json.dumps(more | {"verdict": [*more.get("verdict", []), *said]}, ensure_ascii=False)


_READERS = {
    "entry": _read_cache,
    "url": _read_list,
    "object": _read_store,
    "dump": _read_store,
    "element": _read_chain,
    "section": _read_fetches,
    "rest": _read_rest,
}
