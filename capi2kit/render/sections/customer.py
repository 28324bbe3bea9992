"""Customer: what a report for a customer has besides the evidence: notes, method, limits, custody, glossary, appendix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

from capi2kit import __version__, words
from capi2kit.analysis import Analysis
from capi2kit.diagnosis.rules import rules
from capi2kit.knowledge.glossary import terms_in
from capi2kit.loaders.evidence import KIT_MANIFEST
from capi2kit.render.edition import Edition
from capi2kit.render.parts import Card, Column, Line, Section, Table

_PAPER = 3  # records of one row that the printed appendix shows
_PAPER_ALL = 40  # and of all rows together
_FULL = "evidence"  # the section that the page of custody takes the place of

_METHOD = (
    "Windows writes one record when a certificate check begins and one when it ends. On many versions the first of the two "
    "is written late, together with the next record, so that the difference of their times is close to zero even where a "
    "program waited for seconds. Each retrieval over the network also records how much time it was still allowed. As the "
    "allowance begins when the chain is built, this shows when the retrieval really began; its end is the completion time "
    "that Windows recorded. Where a record lacks these figures, the records before and after it in the same thread give the "
    "least and the most that it can have lasted.",
    "Each duration therefore has a quality. Exact: known to within one tick of the log's clock (0.016 s). Bounded: between "
    "the two figures shown. Unknown: the log does not show it, and it enters no sum.",
    "The waits were then fitted into the checks they belong to, and these into the start-up of their process. Waits that "
    "overlap count once. The lines of the ledger add up to the wall time of the start-up exactly; what no record explains "
    "is listed as unexplained.",
    "{rules} rules compared these tables with known causes. A rule says what was seen in the records, what follows from it, "
    "and how sure that is. To predict what a remedy would save, the waits of the log were played through once more with the "
    "remedy in place.",
)
_LIMITS = (
    "The log shows certificate checks, not everything a program does. Time in which no check was recorded is listed as "
    "unexplained.",
    "The log has a fixed size: older records are overwritten. What happened before its first record or after its last one "
    "is not known, and a start-up may have begun earlier than shown.",
    "Windows records that no answer came, not why. Which device dropped a packet, and which change caused that, must be "
    "checked on the network.",
    "Times are those of the computer that logged. Where servers sent their own time, the difference is given; the times "
    "were not changed unless the options of this report say so.",
    "A predicted saving assumes that nothing else changes and that the threads of a start-up do not wait for each other. It "
    "is an estimate with bounds; only a measurement after the change proves it.",
    "A cause that is not listed was not ruled out. It means that no rule of this version found it in the evidence at hand.",
)


def customer_sections(
    analysis: Analysis,
    sections: list[Section],
    *,
    edition: Edition,
    xml: Callable[[Iterable[int]], Mapping[int, str]] | None,
    tz: str,
) -> list[Section]:
    """The sections of a report with those of a customer's edition around them."""
    kept = [section for section in sections if section.name not in (_FULL, "method")]
    before = [Section("notes", "Notes of the examiner", blocks=edition.notes)] if edition.notes else []
    after = [_method(), _limits(), custody(analysis, edition, tz=tz)]
    appendix = [found for found in (_appendix(analysis, kept, xml=xml),) if found]
    made = [*before, *kept, *after]
    return [*made, *glossary(made), *appendix]


def _method() -> Section:
    prose = [text.format(rules=len(rules())) for text in _METHOD]
    return Section("method", "How this was measured", prose)


def _limits() -> Section:
    return Section("limits", "What this report cannot show", list(_LIMITS))


def custody(analysis: Analysis, edition: Edition, *, tz: str) -> Section:
    """The chain of custody: each file with its hash, size, records and losses; who, when, by which program, with which options."""
    sources = analysis.case.sources
    ends = analysis.case.events.groupby("source")["time"].agg(["min", "max"])
    rows = [
        [
            words.visible(row["path"]),
            f"{row['bytes']:,}",
            row["sha256"],
            _record(row, "first_record", ends=ends, side="min", tz=tz),
            _record(row, "last_record", ends=ends, side="max", tz=tz),
            f"{row['promised']} = {row['loaded']} + {row['other']} + {row['duplicates']} + {row['lost']}",
        ]
        for row in sources.to_dict("records")
    ]
    columns = [Column("file, as given", long=True), Column("bytes", number=True), Column("SHA-256", long=True)]
    columns += [Column(name, long=True) for name in ("first record", "last record")]
    columns += [Column("promised = loaded + other + duplicates + lost")]
    return Section(
        "custody",
        "Custody of the evidence",
        list(_custody_lines(edition, analysis.case.settings, files=len(rows), tz=tz)),
        Table(columns, rows),
    )


def _collected(settings: pd.DataFrame) -> str:
    """Who collected the evidence, and when, as far as it says so itself."""
    kit = settings[(settings["origin"] == KIT_MANIFEST).fillna(False).to_numpy(bool)]
    if kit.empty:
        return "The evidence does not say who collected it, and when; the notes of the examiner are the place for that."
    times = kit.loc[(kit["name"] == "utc").fillna(False).to_numpy(bool), "value"].dropna()
    when = f", from {words.visible(times.min())} to {words.visible(times.max())} (UTC)" if len(times) else ""
    return f"The collection script of capi2kit gathered {words.count(kit['path'].nunique(), 'file')}{when}; it does not note who ran it."


def _custody_lines(edition: Edition, settings: pd.DataFrame, *, files: int, tz: str) -> Iterator[str]:
    who = [f"Examined by {edition.examiner}" if edition.examiner else "The examiner was not named"]
    who += [f"on {edition.day}"] if edition.day else ["the date was not given"]
    who += [f"case {edition.case}"] if edition.case else []
    yield f"{', '.join(who)}. Program: capi2kit {__version__}."
    yield _collected(settings)
    yield from (
        f"The archive {words.visible(one.path)} has {one.bytes:,} bytes and the SHA-256 {one.sha256}."
        for one in edition.archives
    )
    yield (
        (
            f"{words.count(files, 'file')} were opened read-only and hashed as they were read; nothing was changed or sent anywhere. "
            "Whoever has the same files can compare their SHA-256 with this list, and repeat this report with `capi2kit verify`."
        )
        .replace("1 file were", "1 file was")
        .replace("they were read", "it was read" if files == 1 else "they were read")
    )
    options = "; ".join(edition.options)
    yield f"Options that change results: {options or 'none were used'}. Times are shown in {tz}."


def _record(row: dict, name: str, *, ends: pd.DataFrame, side: str, tz: str) -> str:
    """The id of the first or last record with its time, as far as the file has them."""
    number = words.ABSENT if pd.isna(row[name]) else str(row[name])
    if row["source"] not in ends.index or pd.isna(time := ends.loc[row["source"], side]):
        return number
    when = words.moment(time, tz, digits=0)
    return when if number == words.ABSENT else f"{number}, {when}"


def glossary(sections: list[Section]) -> list[Section]:
    """The terms that the other sections use."""
    found = terms_in(text for section in sections for text in _texts(section))
    table = Table(
        [Column("term", whole=True), Column("meaning", prose=True)], [[one.term, one.meaning] for one in found]
    )
    return [Section("glossary", "Glossary", table=table)] if found else []


def _texts(section: Section) -> Iterator[str]:
    yield section.title
    yield from section.prose
    yield from (block.text for block in section.blocks)
    yield from (chart.caption for chart in section.charts)
    if section.table:
        yield from (column.heading for column in section.table.columns)
        yield from (cell for row in section.table.rows for cell in row)
    for card in section.cards:
        yield card.title
        yield from (line.text for _, lines in card.aspects for line in lines)


def _appendix(
    analysis: Analysis, sections: list[Section], *, xml: Callable[[Iterable[int]], Mapping[int, str]] | None
) -> Section | None:
    """The records that the tables cite, as XML: all of them in a file, the first of each row on paper."""
    tables = [section.table for section in sections if section.table]
    cited = sorted({event for table in tables for events in table.events for event in events})
    if not cited or xml is None:
        return None
    findings = next((section.table.events for section in sections if section.name == "findings" and section.table), [])
    first = [event for events in findings for event in events[:_PAPER]][:_PAPER_ALL]
    texts = xml(cited)
    rows = analysis.case.events.set_index("event")[["record", "host", "operation", "phase"]].loc[list(texts)]
    cards = [
        Card(
            f"record-{event}",
            f"Record {words.visible(row['record'])} of {words.visible(row['host'])}: {words.visible(row['operation'])} {row['phase']}",
            "",
            [("", [Line(words.visible_lines(texts[event]), command=True)])],
            printed=event in first,
        )
        for event, row in zip(texts, rows.to_dict("records"), strict=True)
    ]
    prose = [
        f"The {words.count(len(cited), 'record')} that the tables of this report cite, as the files hold them. "
        f"{len(texts)} are XML records; {len(cited) - len(texts)} are lines of text files, which the tables name. "
        f"On paper only the first records of each finding are shown, {sum(card.printed for card in cards)} in all."
    ]
    return Section("appendix", "Appendix: records cited", prose, cards=cards)
