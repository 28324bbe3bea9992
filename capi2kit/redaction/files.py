"""Files: redacted evidence: logs written anew as .evtx, texts line by line. What holds names in bytes nobody can read is left out.

A log is made from its records, so it has no slack, no free space with old records, and no damage; its record ids stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from lxml import etree

from capi2kit.binxml.evtxfile import LogRecord, build_log
from capi2kit.case import Case, records_xml
from capi2kit.columns.instants import nanoseconds
from capi2kit.loaders import files
from capi2kit.redaction.keys import PathLike, open_key, save_key
from capi2kit.redaction.tables import redacted_case, redactor_for
from capi2kit.redaction.texts import Redactor
from capi2kit.words import count

_FILETIME_EPOCH = 116_444_736_000_000_000
_LOG, _WEB = "evtx", "w3c"
_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))
_DUMP = re.compile(r"^\s*[0-9A-Fa-f]{4,8}\s+(?:[0-9A-Fa-f]{2} +){4,}.*$")
_FREE_FIELDS = ("cs-uri-query", "cs(user-agent)", "cs(cookie)", "cs(referer)")  # what a visitor wrote
_BINARY = "Binary"  # an element whose text is bytes
_MOST_TEXT = 1 << 28


@dataclass(frozen=True)
class RedactedFile:
    """A file: the name that it gets, its content (None: left out), and what is to be said of it."""

    name: str
    content: bytes | None
    said: str


def redacted_files(case: Case, redactor: Redactor) -> Iterator[RedactedFile]:
    """Each file of a case, in its order."""
    names = _new_names(case.sources["path"].astype(str), redactor)
    for name, source in zip(names, case.sources.to_dict("records"), strict=True):
        if source["loader"] == _LOG:
            content, said = redacted_log(case, redactor, source=int(source["source"]))
            yield RedactedFile(name, content, said)
            continue
        with files.Reader() as reader, reader.open(files.named(str(source["path"]))) as file:
            raw = bytes(file.data[: min(len(file.data), _MOST_TEXT)])
        text, encoding, mark = _decoded(raw)
        if text is None:
            yield RedactedFile(name, None, "left out: it is no text and no log, and its bytes may hold names")
            continue
        made = redacted_text(text, redactor, web=source["loader"] == _WEB)
        lines = count(made.count("\n") + 1, "line")
        yield RedactedFile(name, mark + made.encode(encoding, "replace"), lines)


def redacted_log(case: Case, redactor: Redactor, *, source: int) -> tuple[bytes, str]:
    """A log with pseudonyms, as .evtx, and what is to be said of it: the records in it, and those that were left out."""
    events = redacted_events(case, redactor, source=source)
    facts: dict[Any, Any] = case.sources[case.sources["source"] == source].to_dict("records")[0]
    first = 1 if pd.isna(facts["first_record"]) else int(facts["first_record"])
    records = [LogRecord(first + place, written, event) for place, (written, event) in enumerate(events)]
    left = int(facts["promised"]) - len(records)
    why = f"; {count(left, 'record')} left out: of other providers, lost, or in another file too" if left > 0 else ""
    return build_log(records, dirty=bool(facts["dirty"])).data, f"{count(len(records), 'record')}{why}"


def redacted_events(case: Case, redactor: Redactor, *, source: int) -> list[tuple[int, etree._Element]]:
    """The loaded records of a log with pseudonyms, by record id: when each was written (FILETIME ticks), and its element."""
    events = case.events[(case.events["source"] == source).to_numpy(bool)].sort_values("record", kind="stable")
    written = nanoseconds(events["time_written"].fillna(events["time"])) // 100 + _FILETIME_EPOCH
    texts = records_xml(case, events["event"])
    parser = _parser()
    made = []
    for event, ticks in zip(events["event"].tolist(), written.tolist(), strict=True):
        element = etree.fromstring(texts[event], parser)
        _redact_element(element, redactor)
        made.append((int(ticks), element))
    return made


def redact_with_records(case: Case, key: PathLike) -> tuple[Case, Callable[[Iterable[int]], dict[int, str]]]:
    """As `redact`, and what gives the records behind events as XML with the same pseudonyms. Raises as `redact` does."""
    opened = open_key(key)
    redactor = redactor_for(case, opened)
    made = redacted_case(case, redactor)
    save_key(opened, key)

    def records(wanted: Iterable[int]) -> dict[int, str]:
        found = {event: _redacted_xml(text, redactor) for event, text in records_xml(case, wanted).items()}
        save_key(opened, key)
        return found

    return made, records


def _redacted_xml(text: str, redactor: Redactor) -> str:
    element = etree.fromstring(text, _parser())
    _redact_element(element, redactor)
    etree.indent(element)
    return str(etree.tostring(element, encoding="unicode"))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True, huge_tree=False)


def events_xml(case: Case, redactor: Redactor) -> tuple[bytes, str]:
    """All records of all logs with pseudonyms, as XML, as `wevtutil` writes them; and what is to be said of them."""
    root = etree.Element("Events")
    for source in case.sources.loc[case.sources["loader"] == _LOG, "source"].tolist():
        root.extend(element for _, element in redacted_events(case, redactor, source=int(source)))
    etree.indent(root)
    content = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content, count(len(root), "record")


def _redact_element(event: etree._Element, redactor: Redactor) -> None:
    """Every value of every attribute and every text; names of elements and attributes stay."""
    for element in event.iter():
        if not isinstance(element.tag, str):
            continue
        for key, value in element.attrib.items():
            element.set(key, redactor.text(str(value)))
        if element.text and element.text.strip():
            binary = etree.QName(element).localname == _BINARY
            element.text = redactor.bytes_as_text(element.text) if binary else redactor.text(element.text)


def redacted_text(text: str, redactor: Redactor, *, web: bool = False) -> str:
    """A text, line by line; of a web server's log (`web`) also without what visitors wrote; dumps of bytes are left out."""
    free: list[int] = []
    lines = []
    for line in text.split("\n"):
        if web and line.startswith("#Fields:"):
            free = [place for place, name in enumerate(line[8:].split()) if name.lower() in _FREE_FIELDS]
        elif web and free and not line.startswith("#"):
            cells = enumerate(line.split(" "))
            lines.append(
                redactor.line(" ".join("-" if place in free and cell.strip() else cell for place, cell in cells))
            )
            continue
        lines.append("(bytes left out)" if _DUMP.match(line) else redactor.line(line))
    return "\n".join(lines)


def _decoded(raw: bytes) -> tuple[str | None, str, bytes]:
    """A text with its encoding and its byte order mark; None for what is no text."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace"), encoding, mark
    if b"\0" in raw:
        return None, "", b""
    try:
        return raw.decode("utf-8"), "utf-8", b""
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), "cp1252", b""


def _new_names(paths: Iterable[str], redactor: Redactor) -> list[str]:
    """The names of files in a redacted archive: the folders that they do not share, and their names, with pseudonyms."""
    split = [re.split(r"[\\/!]+", path) for path in paths]
    alike = [len(set(level)) == 1 for level in zip(*(parts[:-1] for parts in split), strict=False)]
    shared = next((place for place, same in enumerate(alike) if not same), len(alike))
    made: list[str] = []
    for parts in split:
        folders = [redactor.file_name(part) for part in parts[shared:-1]]
        name = "/".join([*folders, redactor.file_name(parts[-1])])
        stem, dot, ending = name.rpartition(".")
        number = 1
        while name.casefold() in (one.casefold() for one in made):
            number += 1
            name = f"{stem}-{number}.{ending}" if dot else f"{ending}-{number}"
        made.append(name)
    return made
