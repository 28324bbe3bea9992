"""Inventory: what is in the evidence, whether it is whole, and what it can support."""

from __future__ import annotations

from capi2kit.analysis import Analysis
from capi2kit.knowledge import operations_by_name
from capi2kit.render import words
from capi2kit.render.sections import Section, Table, tell


def tell_inventory(analysis: Analysis, *, tz: str = "UTC") -> list[Section]:
    """Sections for `capi2kit info`: files, coverage, problems, operations."""
    parts = {part.name: part for part in tell(analysis, tz=tz, only=("evidence", "coverage", "problems", "method"))}
    files = analysis.case.sources
    facts = [
        f"{words.visible(row.path)}: record ids {row.first_record} to {row.last_record}, "
        f"{'older records are gone (wrapped, cleared or exported in part)' if row.wrapped else 'from the first record on'}, "
        f"{'not closed properly (dirty)' if row.dirty else 'closed properly'}, engine {row.engine}."
        for row in files.itertuples()
    ]
    evidence = parts["evidence"]
    first = Section("evidence", evidence.title, facts + evidence.prose, evidence.table)
    rest = [parts[name] for name in ("coverage", "problems") if name in parts]
    return [first, *rest, _operations(analysis), parts["method"]]


def _operations(analysis: Analysis) -> Section:
    counts = analysis.case.events.groupby(["channel", "operation"], dropna=False).size().sort_values(ascending=False)
    known = operations_by_name()
    rows = [
        [
            words.visible(operation),
            known[operation].title if operation in known else "",
            words.visible(channel),
            str(count),
        ]
        for (channel, operation), count in counts.items()
    ]
    states = analysis.spans["state"].value_counts()
    prose = ", ".join(f"{count} {state}" for state, count in states.items())
    sentence = (
        f"{len(analysis.spans)} operations ({prose})." if len(analysis.spans) else "No operation with start and stop."
    )
    return Section(
        "operations",
        "Operations",
        [sentence],
        Table(["operation", "title", "channel", "events"], rows, frozenset({"events"})),
    )
