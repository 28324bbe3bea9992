"""Settings: texts that say how Windows is set up, line by line: netsh, .reg files and `reg query`, also one after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.settings.regvalues import account_of_key, exported, printed, settings_inside
from capi2kit.loaders.text.codepages import in_unicode
from capi2kit.loaders.text.labels import column_of, labelled
from capi2kit.loaders.text.lines import Line, check_size, lines, source_of, table_of
from capi2kit.winevent import Batch

Cells = dict[str, str | None]
VERSION_5, VERSION_4 = "Windows Registry Editor Version 5.00", "REGEDIT4"
KEY = re.compile(r"\[(-?)(HK[A-Z_]{1,24}(?:\\[^\r\n]*)?)\]$")
QUERIED_KEY = re.compile(r"HKEY_[A-Z_]{4,24}(?:\\.*)?$")
ENTRY = re.compile(r'(?:@|"(?P<name>(?:[^"\\]|\\.)*)")\s{0,40}=\s{0,40}(?P<value>.*)', re.DOTALL)
_TYPE = re.compile(r"(?: {4}|\t)(REG_[A-Z_]{2,40})(?= {4}|\t|$)(?: {4}|\t)?")
# the same where copying made one blank of several, or took those in front of the line away
_WORN = re.compile(
    r"\s*+(\S.{0,400}?)\s{1,80}(REG_(?:NONE|SZ|EXPAND_SZ|BINARY|DWORD|QWORD|MULTI_SZ|LINK))(?:\s++(.*))?"
)
PAIR = re.compile(r'"([^"\\]{1,100})"\s{0,40}:\s{0,40}("(?:[^"\\]|\\.)*"|true|false|null|-?\d{1,19})')
_HEADING = re.compile(r"\S.{0,80}[:：]$")
PROMPT = re.compile(r"(?:PS )?[A-Za-z]:\\[^>]{0,260}>")
_NUMBERS = {"true": "1", "false": "0", "null": None}
_DEFAULT = "(Default)"


def queried(text: str) -> tuple[str, str, str] | None:
    """Name, type and value in a line of `reg query`; None for other lines."""
    found = _TYPE.search(text) if text[:1] in (" ", "\t") else None
    if found and text[: found.start()].strip():
        return text[: found.start()].strip(), found[1], text[found.end() :]
    worn = _WORN.fullmatch(text)
    return (worn[1], worn[2], worn[3] or "") if worn else None


def heading_of(text: str) -> str | None:
    """The heading above what netsh prints of WinHTTP, without its colon; None for other lines."""
    text = text.strip()
    heading = text.rstrip(":： ")
    known = column_of("netsh", heading) == "(heading)"
    return heading if known or ("winhttp" in text.casefold() and _HEADING.fullmatch(text)) else None


def read_settings(file: EvidenceFile, *, asked: Asked, engine: str) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`.

    `promised` counts the settings that the text itself holds. What is worked out from the bytes of one follows it.
    """
    problems = Problems()
    reader = _Reader(problems)
    check_size(file)
    for line in _whole(lines(in_unicode(file, problems), problems)):
        reader.take(line)
    reader.finish()
    names = ("line", "origin", "account", "path", "name", "value", "kind", "extra")
    cells = {name: [row.get(name) for row in reader.rows] for name in names}
    yield {
        "settings": table_of("settings", cells, kinds={"line": "int"}),
        "sources": source_of(problems, loaded=reader.entries, engine=engine),
        "problems": problems.table(),
    }


def _whole(found: Iterable[Line]) -> Iterator[Line]:
    """Lines, with a value of a .reg file that goes on below put together, up to the next entry or key at most."""
    first: Line | None = None
    parts: list[str] = []
    kind = ""
    for line in found:
        text = line.text.strip()
        if first is not None and (KEY.match(text) or ENTRY.fullmatch(text)):  # it never ended
            yield first._replace(text=_glued(parts, kind))
            first = None
        if first is None:
            first, parts, kind = line, [], _goes_on(text)
        parts.append(line.text)
        if (
            not kind
            or (kind == "bytes" and not text.endswith("\\"))
            or (len(parts) > 1 and kind == "text" and _closed(text))
        ):
            yield first._replace(text=_glued(parts, kind))
            first = None
    if first is not None:
        yield first._replace(text=_glued(parts, kind))


def _glued(parts: list[str], kind: str) -> str:
    """The parts as one text; where bytes should have gone on, the last backslash stays."""
    if kind != "bytes":
        return "\n".join(parts)
    return "".join(part.strip().removesuffix("\\") for part in parts[:-1]) + parts[-1].strip()


def _goes_on(text: str) -> str:
    """How a value of a .reg file goes on below: ``bytes`` after a backslash, ``text`` without its closing quote."""
    entry = ENTRY.fullmatch(text) if text[:1] in ('"', "@") else None
    value = entry["value"] if entry else ""
    if value.startswith('"'):
        return "" if _closed(value[1:]) else "text"
    return "bytes" if value[:3].lower() == "hex" and value.endswith("\\") else ""


def _closed(text: str) -> bool:
    """Whether a text ends in a quote; one with a backslash before it is part of the text."""
    body = text.rstrip()
    before = body[:-1]
    return body.endswith('"') and (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _text(quoted: str) -> str:
    """A quoted text of JSON; if it is not valid JSON, what is between its quotes."""
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:
        return quoted.strip('"')


class _Reader:
    """Takes lines one by one and gathers rows of `settings`; `entries` counts what the text itself holds."""

    def __init__(self, problems: Problems) -> None:
        self.rows: list[Cells] = []
        self.entries = 0
        self._problems = problems
        self._origin = ""
        self._path: str | None = None
        self._wide = True
        self._braces = 0
        self._first = False  # nothing was read below the heading of netsh
        self._strange: list[Line] = []

    def take(self, line: Line) -> None:
        """Take one line. One that is of no known form is noted; where a value is expected, it counts as lost."""
        text = line.text.rstrip()
        short = text.strip()
        if not short:
            return
        if short in (VERSION_5, VERSION_4):
            self._origin, self._path, self._wide = "registry export", None, short == VERSION_5
        elif found := KEY.match(short):
            self._origin, self._path = "registry export", found[2]
            if found[1]:
                self._add(line, extra={"deleted": True})
        elif QUERIED_KEY.match(short):
            self._origin, self._path = "reg query", short
        elif heading := heading_of(short):
            self._origin, self._path, self._braces = "netsh winhttp", heading, 0
            self._first = True
        elif self._origin == "registry export":
            self._take_exported(line, short)
        elif self._origin == "reg query":
            self._take_queried(line, text)
        elif self._origin:
            self._take_netsh(line, text)
            self._first = False
        elif not PROMPT.match(short):
            self._strange.append(line)

    def finish(self) -> None:
        """Note what the whole file shows: lines that are not settings, braces that are never closed, no setting at all."""
        if self._strange:
            first = self._strange[0]
            message = f"{len(self._strange)} lines are not settings; the first is line {first.number}: {first.text.strip()!r:.80}"
            self._problems.add("text", "other lines", message=message)
        if self._braces > 0:
            message = "the file ends before the settings of netsh do: those that followed are not here"
            self._problems.add("record", "incomplete entry", message=message)
        if not self.entries:
            self._problems.add("file", "no entry", message="there is no setting in it")

    def _add(
        self,
        line: Line,
        *,
        name: str | None = None,
        value: str | None = None,
        kind: str | None = None,
        extra: object = None,
    ) -> None:
        self.rows.append(
            {
                "line": str(line.number),
                "origin": self._origin,
                "account": account_of_key(self._path or ""),
                "path": self._path,
                "name": name,
                "value": value,
                "kind": kind,
                "extra": json.dumps(extra, ensure_ascii=False) if extra else None,
            }
        )
        self.entries += 1

    def _refuse(self, line: Line, why: str) -> None:
        message = f"line {line.number} is not a setting that can be read ({why}): {line.text.strip()!r:.100}"
        self._problems.add("record", "setting not understood", message=message, lost=1)

    def _take_exported(self, line: Line, text: str) -> None:
        """``"name"=value`` of a .reg file; a value of ``-`` deletes."""
        if text.startswith(";"):
            return
        found = ENTRY.fullmatch(text)
        if not found:
            self._refuse(line, 'it is not of the form "name"=value')
            return
        name = _DEFAULT if found["name"] is None else re.sub(r"\\(.)", r"\1", found["name"])
        if found["value"].strip() == "-":
            self._add(line, name=name, extra={"deleted": True})
            return
        text = found["value"].strip()
        if text.endswith("\\") and not text.startswith('"'):
            message = f"line {line.number}: the bytes of {name!r:.60} break off; those that are here are kept"
            self._problems.add("record", "incomplete entry", message=message)
        try:
            value, kind = exported(text.removesuffix("\\"), wide=self._wide)
        except ValueError as err:
            self._refuse(line, str(err))
            return
        self._add(line, name=name, value=value, kind=kind)
        self._add_inside(line, name)

    def _take_queried(self, line: Line, text: str) -> None:
        """Name, type and value of `reg query`, with four blanks or a tab between them."""
        found, pair = queried(text), labelled(text)
        if found:
            name, kind, value = found
            name = _DEFAULT if column_of("registry", name) == "(default)" else name
            self._add(line, name=name, value=printed(value, kind=kind), kind=kind)
            self._add_inside(line, name)
        elif text.startswith("    "):
            self._refuse(line, "it has no type")
        elif not PROMPT.match(text) and not (pair and column_of("registry", pair[0]) == "(end)"):
            self._strange.append(line)

    def _add_inside(self, line: Line, name: str) -> None:
        """The settings that the bytes of the last row hold, after it."""
        whole = self.rows[-1]
        try:
            inside = settings_inside(whole["path"], kind=whole["kind"], value=whole["value"])
        except ValueError as err:
            message = (
                f"line {line.number}: the bytes of {name!r:.60} are not laid out as known ({err}): kept as they are"
            )
            self._problems.add("value", "bytes not understood", message=message)
            return
        for part, value, more in inside:
            self._add(line, name=part, value=value, extra={"from": name} | more)
            self.entries -= 1

    def _take_netsh(self, line: Line, text: str) -> None:
        """``label : value`` of `show proxy`, or the JSON of `show advproxy`."""
        short = text.strip()
        pairs = PAIR.findall(short)
        if pairs or not short.strip("{}, "):
            self._origin = "netsh advproxy"
            self._braces += (
                short.count("{") - short.count("}") if not pairs else short.startswith("{") - short.endswith("}")
            )
            for name, value in pairs:
                setting = _text(value) or None if value.startswith('"') else _NUMBERS.get(value, value)
                self._add(line, name=column_of("netsh", name) or name, value=setting)
        elif column_of("netsh", short) == "(direct)":
            self._add(line, name="proxy", value="direct", extra={"text": short})
        elif pair := labelled(text):
            none = column_of("netsh", pair[1]) == "(none)"
            name = column_of("netsh", pair[0]) or pair[0]
            self._add(
                line, name=name, value=None if none else pair[1] or None, extra={"text": pair[1]} if none else None
            )
        elif text[:1].isspace() and self._first:  # in any language: without a label, directly below the heading
            self._add(line, name="proxy", value="direct", extra={"text": short})
        elif text.startswith("    "):
            self._refuse(line, "its words are in an unknown language")
        elif not PROMPT.match(short):
            self._strange.append(line)
