"""Cards: an analysis or a case at a glance: the answer, four figures, how sure, the first step, and folded tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import TYPE_CHECKING, Any

from capi2kit import words
from capi2kit.errors import TableError
from capi2kit.render.notebook.markup import LINE, badge, box, folded, grid, text
from capi2kit.render.parts import Column, Table

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case
    from capi2kit.questions.answer import Answer
    from capi2kit.render.front import Front

_WIDTH = 96  # cells of the card on a terminal
_TABLES = ("findings", "startups", "waits", "ledger")
_FILES = 12
_NEXT = "Next: c2.view(a, 'waits')   c2.plot_startup(a)   c2.whatif(a)   c2.save(a, 'report.html')"
_NEXT_OF_CASE = "Next: a = c2.analyse(case)"


class Card:
    """What an object shows of itself: HTML in a notebook, text elsewhere; each is made when it is first asked for."""

    def __init__(self, html: str | Callable[[], str], plain: str | Callable[[], str]) -> None:
        self._html, self._plain = html, plain

    def _repr_html_(self) -> str:
        self._html = self._html if isinstance(self._html, str) else self._html()
        return self._html

    def __repr__(self) -> str:
        self._plain = self._plain if isinstance(self._plain, str) else self._plain()
        return self._plain


def card(given: Analysis | Case) -> Card:
    """The answer at a glance: what an analysis or a case shows of itself in a notebook.

    Parameters
    ----------
    given : what `analyse` or `load` returned.

    Returns
    -------
    Card : HTML in a notebook, one screen of text elsewhere. Of an analysis: what is wrong, what it costs, how sure that is, what to do
        first, the worst start-up as a picture, and tables to open. Of a case: what was read, what was lost, what it can support.

    Raises
    ------
    TableError : it is neither; the message says what to pass.
    """
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case

    if isinstance(given, Analysis):
        return Card(lambda: _analysis_html(given), lambda: _analysis_text(given))
    if isinstance(given, Case):
        return Card(lambda: _case_html(given), lambda: _case_text(given))
    raise TableError(f"a {type(given).__name__} has no card; pass what c2.analyse or c2.load returned")


def _analysis_html(analysis: Analysis) -> str:
    from capi2kit.analysis import answer_of
    from capi2kit.render.front import front
    from capi2kit.render.notebook.strip import strip

    found = answer_of(analysis)
    first = front(analysis, found)
    picture = strip(analysis, found.startup) if found.startup else ""
    parts = [*_head(first), picture, *_step(first), *_parts(analysis, found)]
    return box("div", parts, style="max-width:64rem;line-height:1.4")


def _head(first: Front) -> Iterator[str]:
    mark = f"{badge(first.severity)} " if first.severity != "none" else ""
    headline = text("strong", first.headline, style="font-size:1.15em")
    yield f'<p style="margin:.2em 0">{mark}{headline}</p>'
    for said in first.lead:
        yield text("p", said, style="margin:.2em 0")
    style = f"border:{LINE};padding:.3em .8em;text-align:left;vertical-align:top"
    tiles = (f'<td style="{style}">{text("strong", one.value)}<br>{text("span", one.text)}</td>' for one in first.tiles)
    yield box("table", [box("tr", tiles)], style="border-collapse:collapse;margin:.4em 0")


def _step(first: Front) -> Iterator[str]:
    if first.step:
        yield f'<p style="margin:.4em 0">{text("strong", f"{first.step_title}: ")}{text("span", first.step.removeprefix("First: "))}</p>'
    for said in first.cautions:
        yield text("p", said, style="margin:.2em 0;opacity:.8")


def _parts(analysis: Analysis, found: Answer) -> Iterator[str]:
    from capi2kit.render.sections import tell

    sections = {part.name: part for part in tell(analysis, only=_TABLES, answer=found)}
    for name in _TABLES:
        part = sections.get(name)
        if part and part.table and part.table.rows:
            yield folded(f"{part.title} ({len(part.table.rows)})", grid(part.table), is_open=name == "findings")


def _analysis_text(analysis: Analysis) -> str:
    from capi2kit.render.screen import write_screen

    file = StringIO()
    write_screen(analysis, file=file, width=_WIDTH, color=False)
    said = file.getvalue().partition("\nNext: ")[0].rstrip()
    return f"{said}\n{_NEXT}"


def _case_html(case: Case) -> str:
    parts = [text("p", _read(case), style="margin:.2em 0;font-size:1.1em;font-weight:600")]
    parts += [text("p", said, style="margin:.2em 0") for said in _said(case)]
    parts.append(grid(_files(case)))
    parts.append(text("p", _NEXT_OF_CASE, style="margin:.2em 0;opacity:.8"))
    return box("div", parts, style="max-width:64rem;line-height:1.4")


def _case_text(case: Case) -> str:
    from capi2kit.render.tables import table_lines

    return "\n".join([_read(case), *_said(case), "", *table_lines(_files(case), width=_WIDTH), "", _NEXT_OF_CASE])


def _read(case: Case) -> str:
    """What was read, in one sentence."""
    hosts = words.listed([words.visible(host) for host in sorted(case.events["host"].dropna().unique())], "computer")
    lost = int(case.sources["lost"].sum())
    facts = [words.count(len(case.sources), "file"), words.count(len(case.events), "event")]
    return f"Case: {', '.join(facts)}{f' of {hosts}' if hosts else ''}; {words.count(lost, 'record')} lost"


def _said(case: Case) -> Iterator[str]:
    times = case.events["time"].dropna()
    if len(times):
        yield f"From {words.moment(times.min(), digits=0)} to {words.moment(times.max(), digits=0)}."
    problems = int(case.problems["message"].notna().sum())
    if problems:
        yield f"{words.count(problems, 'note')} on what was not read or was repaired: case.problems."


def _files(case: Case) -> Table:
    """The files with what became of their records, and what the log can support."""
    verdicts = dict(zip(case.coverage["source"], case.coverage["verdict"], strict=True))
    rows = [_file(row, verdicts.get(row["source"])) for row in case.sources.head(_FILES).to_dict("records")]
    more = len(case.sources) - len(rows)
    rows += [[f"and {words.count(more, 'more file')}", *[""] * 6]] if more > 0 else []
    columns = [Column("file", long=True), Column("read by", spare=2)]
    columns += [
        Column(name, number=True, spare=spare)
        for name, spare in (("promised", 0), ("loaded", 0), ("other", 3), ("lost", 0))
    ]
    return Table([*columns, Column("supports", spare=1)], rows)


def _file(row: dict[Any, Any], verdict: object) -> list[str]:
    counts = [f"{row[name]:,}" for name in ("promised", "loaded", "other", "lost")]
    said = words.ABSENT if verdict is None or words.is_missing(verdict) else str(verdict)
    return [words.visible(words.file_name(str(row["path"]).rpartition("!")[2])), str(row["loader"]), *counts, said]
