"""Cache entries: what `certutil -urlcache` prints of an account's URL cache, one under the other or inside prose."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import pandas as pd

from capi2kit.knowledge.urls import url_role
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.text.labels import add_line, add_to, labelled, pattern_of
from capi2kit.loaders.text.lines import table_of
from capi2kit.loaders.text.localtimes import columns_in_utc, time_at_start
from capi2kit.loaders.text.profiles import account_of

Cells = dict[str, str | None]
FIELDS = ("url", "local_file", "meta_file", "bytes", "last_sync_text")  # what certutil -v prints of every entry
KINDS = {"line": "int", "bytes": "int", "result": "hex", "elapsed_s": "int"}
_LABEL_OF = {"last_sync_text": "last_sync"}
_GAP = 300  # characters between two values of an entry; more is prose
_QUOTED = re.compile(r'\s*(?:"([^"\r\n]*)"|[“„]([^“”\r\n]*)[”“])')
_NUMBER = re.compile(r"\s*(\d{1,18})(?![\d.,])")
_LONGEST_TIME = 40
_LIKE_A_TIME = re.compile(r"\d[\d./:, -]{5,30}\d")


def cache_entries_in(text: str) -> list[Cells]:
    """The cache entries in any text, on lines of their own or run together on one.

    Returns texts by column of `cache_entries`, `line` counted from 1 in `text`; `last_sync` is not among them,
    but `last_sync_text`: `cache_table` reads it. What is not there is None. Lines right below the entry that
    have labels of their own are in `extra` (JSON).
    """
    return list(_entries(text, to_the_end=False))


def cache_lines(text: str) -> list[Cells]:
    """The entries of a text that holds nothing else: all lines up to the next entry belong to one."""
    return list(_entries(text, to_the_end=True))


def cache_table(entries: Sequence[Mapping[str, str | None]], *, tz: str | None, problems: Problems) -> pd.DataFrame:
    """Texts by column as a `cache_entries` table; times are local and read as `localtimes.columns_in_utc` does."""
    stamps, _ = columns_in_utc(
        {"last_sync": [entry.get("last_sync_text") for entry in entries]}, tz=tz, problems=problems
    )
    return with_times(entries, last_sync=stamps["last_sync"])


def with_times(entries: Sequence[Mapping[str, str | None]], *, last_sync: pd.Series) -> pd.DataFrame:
    """The same where the times are read already."""
    names = dict.fromkeys(name for entry in entries for name in entry)
    cells = {name: [entry.get(name) for entry in entries] for name in names}
    table = table_of("cache_entries", cells, kinds=KINDS)
    table["last_sync"] = last_sync.array
    return table


@cache
def _marks() -> re.Pattern[str]:
    """Where an entry, or a value of one, begins."""
    groups = [rf"(?P<entry>{pattern_of('certutil', '(entry)')})"]
    groups += [f"(?P<{field}>{pattern_of('certutil', _LABEL_OF.get(field, field))})" for field in FIELDS]
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})[^\S\n]{{0,40}}:", re.IGNORECASE)


def _entries(text: str, *, to_the_end: bool) -> Iterator[Cells]:
    """Entries in order; one begins with its heading, or with a URL where the heading is missing."""
    ends = [found.start() for found in re.finditer("\n", text)]
    marks = list(_marks().finditer(text))
    groups: list[list[re.Match[str]]] = []
    for mark in marks:
        last = groups[-1] if groups else None
        has = {found.lastgroup for found in last or ()}
        near = last is not None and (to_the_end or len(_between(text, last[-1], following=mark)) <= _GAP)
        begins = mark.lastgroup == "entry" or (mark.lastgroup == "url" and ("url" in has or not near))
        if begins or (to_the_end and last is None):
            groups.append([mark])
        elif last is not None and near and mark.lastgroup not in has:
            last.append(mark)
    stops = [*(group[0].start() for group in groups[1:]), len(text)][: len(groups)]
    for group, stop in zip(groups, stops, strict=True):
        if len(group) > 1 or to_the_end:  # a heading alone, inside prose, is not an entry
            line = bisect_right(ends, group[0].start()) + 1
            yield _entry(text, group, stop=stop if to_the_end else _stop(text, group, stop=stop)) | {"line": str(line)}


def _between(text: str, mark: re.Match[str], *, following: re.Match[str]) -> str:
    """What is between the value of a mark and the next one."""
    raw = text[mark.end() : following.start()]
    quoted = _QUOTED.match(raw)
    return raw[quoted.end() :] if quoted else raw.lstrip()


def _stop(text: str, group: list[re.Match[str]], *, stop: int) -> int:
    """Where an entry inside prose ends: before the first line that has no label or is less indented than its last."""
    first, last = group[0].start(), group[-1]
    at = text.find("\n", last.end(), stop)
    if at < 0 or "\n" not in text[first : last.start()]:  # run together on one line
        return stop if at < 0 else at
    indent = last.start() - text.rfind("\n", 0, last.start()) - 1
    for line in text[at + 1 : stop].split("\n"):
        if not labelled(line) or len(line) - len(line.lstrip()) < indent:
            break
        at += len(line) + 1
    return min(at, stop)


def _entry(text: str, group: list[re.Match[str]], *, stop: int) -> Cells:
    """The values of one entry, and what else its lines say."""
    cells: Cells = dict.fromkeys(("account", *FIELDS))
    more: dict[str, object] = {}
    edges = [*(mark.start() for mark in group[1:]), stop]
    for mark, edge in zip(group, edges, strict=True):
        name, raw = str(mark.lastgroup), text[mark.end() : edge]
        value, rest = _value(name, raw)
        if name == "entry":
            add_to(more, mark[0].rstrip(" :"), value=value or "")
        else:
            cells[name] = value
        if name != "entry" and value is None and raw.strip():
            add_to(more, mark[0].rstrip(" :"), value=raw.strip().partition("\n")[0].strip())
        for line in rest.split("\n"):
            add_line(more, line)
    cells["account"] = account_of(cells["local_file"] or cells["meta_file"])
    cells["url_role"] = url_role(cells["url"])
    return cells | {"command": "urlcache", "extra": json.dumps(more, ensure_ascii=False) if more else None}


def _value(name: str, raw: str) -> tuple[str | None, str]:
    """The value at the start of `raw`, and the lines below it. A value in quotes or a number ends by itself."""
    first, _, rest = raw.partition("\n")
    if name == "bytes":
        number = _NUMBER.match(first)
        return (number[1] if number else None), rest
    if name == "last_sync_text":
        first = first.strip()
        like = _LIKE_A_TIME.match(first) if len(first) > _LONGEST_TIME else None  # prose goes on after it
        return time_at_start(first) or (like[0] if like else first[:_LONGEST_TIME]) or None, rest
    quoted = _QUOTED.match(first)
    return ((quoted[1] or quoted[2]) if quoted else first.strip()) or None, rest
