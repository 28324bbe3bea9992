"""Shown: one task as a waterfall, the meanings of a code, a remedy with the names of a log: as cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from capi2kit import words
from capi2kit.errors import KnowledgeError, NoEvents, TableError
from capi2kit.given import analysis_of
from capi2kit.render.notebook.cards import Card
from capi2kit.render.notebook.markup import box, folded, grid, text, waterfall

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_WIDTH = 110  # cells on a terminal
_BAR = 20  # cells of its bars
_BRIEF = 8  # characters of a TaskId that are enough to name it
_MOST = 3  # tasks that are shown of those that fit


def show(analysis: Analysis, what: str | int | None = None, *, tz: str = "UTC") -> Card:
    """Show a task: what it did, for how long each operation ran and waited, and which other tasks belong to it.

    Parameters
    ----------
    analysis : what `analyse` returned.
    what : a TaskId or its beginning, the id of a record, or a part of a URL; the task that waited longest if not given.
    tz : zone in which times are shown.

    Returns
    -------
    Card : HTML in a notebook, text elsewhere; a waterfall for each task that fits, the one that waited longest first.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    NoEvents : nothing in it fits; the message says what to give.
    """
    from capi2kit.questions.tasks import tasks_of

    whole = analysis_of(analysis)
    found = tasks_of(whole.case.events, whole.waits, what=what)
    if not found:
        asked = "there is no task in it" if what is None else f"nothing in the log matches {words.visible(what)!r}"
        raise NoEvents(f"{asked}: give a TaskId or its beginning, a record id, or a part of a URL")
    cards = [_task(whole, task, tz=tz) for task in found[:_MOST]]
    more = f"{words.count(len(found) - _MOST, 'more task')}: {' '.join(task[:_BRIEF] for task in found[_MOST:][: _MOST * 4])}"
    rest = [more] if len(found) > _MOST else []
    html = "".join([*(one[0] for one in cards), *(text("p", said) for said in rest)])
    return Card(html, "\n\n".join([*(one[1] for one in cards), *rest]))


def _task(analysis: Analysis, task: str, *, tz: str) -> tuple[str, str]:
    from capi2kit.render.tables import table_lines
    from capi2kit.render.waterfall import draw, head, related, steps_of
    from capi2kit.render.waterfall import folded as in_lines

    title, *said = head(analysis, task, tz=tz)
    table, others = draw(analysis, task, tz=tz, bar=_BAR), in_lines(related(analysis, task))
    steps = steps_of(analysis, task)
    drawn = waterfall(steps) if steps else grid(table, brief=False)
    parts = [text("strong", title), *(text("p", one, style="margin:.2em 0") for one in said), drawn]
    parts.append(folded("Related tasks", box("div", (text("p", one, style="margin:.2em 0") for one in others))))
    plain = "\n".join([title, *said, "", *table_lines(table, width=_WIDTH), "", *others]).rstrip()
    return box("div", parts, style="margin:.4em 0"), plain


def explain(what: str | int) -> Card:
    """Say what a code, an event id, a flag or a symbol means.

    Parameters
    ----------
    what : as people find it: ``80092013``, ``0x80092013``, ``-2146885613``, ``53``, ``ErrorStatus=1000040``, ``CERT_E_CHAINING``.

    Returns
    -------
    Card : each meaning with its source, the most likely first; a sentence if nothing is known of it.

    Raises
    ------
    TableError : it is neither a text nor a number.
    """
    from capi2kit.knowledge.sources import sources_of
    from capi2kit.questions import explain as ask

    if not isinstance(what, str | int) or isinstance(what, bool):
        raise TableError(f"a {type(what).__name__} is no code; pass a text such as '80092013', or a number")
    asked = str(what)
    meanings = ask.explain(asked)
    if not meanings:
        guesses = ask.similar(asked)
        hint = f"; did you mean {' or '.join(guesses)}?" if guesses else ""
        said = f"{words.visible(asked)[:80]!r} is no code, event id, flag or symbol in the tables{hint}"
        return Card(text("p", said), said)
    parts, lines = [], []
    for one in meanings:
        sources = [f"source: {source.what}; {source.address}" for source in sources_of(one.source)]
        about = one.text or "only its name is known"
        soft = (text("p", said, style="margin:.1em 0;opacity:.7;font-size:.9em") for said in sources)
        parts.append(
            box("div", [text("strong", f"{one.kind}: {one.name}"), text("p", about, style="margin:.1em 0"), *soft])
        )
        lines += [f"{one.kind}: {one.name}", f"  {about}", *(f"  {said}" for said in sources)]
    return Card(box("div", parts, style="max-width:64rem"), "\n".join(lines))


def remedy(analysis: Analysis, fix: str | None = None) -> Card:
    """One remedy with the reasons for it in a log, ready for the team that carries it out.

    Parameters
    ----------
    analysis : what `analyse` returned.
    fix : the id of a remedy, such as ``allow-pki-hosts``; the first one for the leading cause if not given.

    Returns
    -------
    Card : a ticket: request, reason, what it would save, steps, check, undo and risk; as text with the same words.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    KnowledgeError : there is no such remedy; the message lists those that there are.
    """
    from capi2kit.diagnosis.fixes import fixes
    from capi2kit.questions.tickets import cited_by, ticket
    from capi2kit.render.ticket import write_ticket

    whole = analysis_of(analysis)
    if fix is not None and fix not in fixes():
        raise KnowledgeError(f"there is no remedy {words.visible(fix)!r}; there are {', '.join(fixes())}", file="fixes")
    tables: dict[str, Any] = {"spans": whole.spans, "waits": whole.waits, "startups": whole.startups}
    found = ticket(whole.findings, fix, tables=tables)
    if found is None:
        said = "No finding of this log names a remedy."
        return Card(text("p", said), said)
    records = cited_by(found.reasons, events=whole.case.events.reset_index(drop=True), sources=whole.case.sources)
    said = write_ticket(found, records=records)
    return Card(f"<pre>{text('code', said)}</pre>", said)
