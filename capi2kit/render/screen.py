"""Screen: the answer on one screen of a terminal: what is wrong, what it costs, what to do, how sure, and which commands come next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from capi2kit import words
from capi2kit.analysis import Analysis, answer_of
from capi2kit.diagnosis.fixes import fix_of, fixes_of
from capi2kit.questions import sentences
from capi2kit.questions.answer import Answer, Charge
from capi2kit.questions.cautions import cautions
from capi2kit.render.tables import fold
from capi2kit.render.text import console_on
from capi2kit.writer import plain

MOST = 24  # lines, at 80 columns
FINDINGS = 3
_BAR = 100  # cells at most
_WAITING, _CHECKING, _REST = ("█", "red"), ("▓", "cyan"), ("░", "dim")
_BADGES = {
    "high": ("HIGH", "bold white on red"),
    "medium": ("MEDIUM", "black on yellow"),
    "low": ("LOW", "black on white"),
    "benign": ("NO ERROR", "dim"),
}
_BADGE = 9  # cells of the column of severities
_TASK = 8  # characters of a TaskId that are enough to name it
_NEXT = "Next: "
_LOG = 30  # characters of a file name that is written into the commands


class _Line(NamedTuple):
    """A line to print: text in one style, after a badge in another; or `parts`, each in a style of its own."""

    text: str
    style: str = ""
    badge: str = ""
    badge_style: str = ""
    indent: int = 0
    parts: tuple[tuple[str, str], ...] = ()


def write_screen(
    analysis: Analysis,
    *,
    file: IO[str],
    width: int | None = None,
    color: bool | None = None,
    tz: str = "UTC",
    log: str = "LOG",
) -> None:
    """Print the answer to an open text file; `log`: what the next commands are to be given."""
    console = console_on(file, width=width, color=color)
    encoding = getattr(file, "encoding", None)
    for line in _fitting(analysis, width=console.width, tz=tz, log=log if len(log) <= _LOG else "LOG"):
        text = Text(no_wrap=True, overflow="ignore")
        text.append(line.badge, style=line.badge_style)
        text.append(" " * (line.indent - len(line.badge)))
        for part, style in line.parts or ((line.text, line.style),):
            text.append(plain(part, encoding), style=style)
        console.print(text, crop=False)


def _fitting(analysis: Analysis, *, width: int, tz: str, log: str) -> list[_Line]:
    """The lines, with as many findings as leave the whole on one screen, but one."""
    found, allowed = answer_of(analysis), cautions(analysis.case, tz=tz)
    for findings in range(FINDINGS, 0, -1):
        for airy in (True, False):
            lines = [*_lines(analysis, found, allowed=allowed, width=width, log=log, findings=findings, airy=airy)]
            if len(lines) <= MOST:
                return lines
    return lines


def _lines(
    analysis: Analysis, found: Answer, *, allowed: list[str], width: int, log: str, findings: int, airy: bool
) -> Iterator[_Line]:
    """`allowed`: the sentences on what to allow for."""
    blank = [_Line("")] if airy else []
    head = sentences.headline(found, case=analysis.case, findings=analysis.findings)
    yield from (_Line(line, "bold") for line in fold(head, width))
    if found.startup:
        yield from _bar(found, width=width, named=sentences.place(found.startup) in head)
    yield from blank
    shown = found.charges[:findings]
    several = len({one.startup["startup"] for one in found.charges if one.startup}) > 1
    for place, charge in enumerate(shown):
        before = {name for one in shown[:place] for name in _remedy(one)[:1]}
        yield from _finding(charge, width=width, several=several, before=before)
    if more := len(found.charges) - len(shown):
        yield _Line(f"and {words.count(more, 'more finding')}: see --full", "dim")
    yield from blank if shown else []
    for sentence in (
        " ".join(sentences.first_step(found)),
        _prefixed("How sure: ", sentences.how_sure(found)),
        *allowed,
    ):
        yield from (_Line(line) for line in (fold(sentence, width) if sentence else ()))
    commands = _packed(_next(analysis, found, log=log), width=width - len(_NEXT))
    yield from (_Line((" " * len(_NEXT) if place else _NEXT) + line, "dim") for place, line in enumerate(commands))


def _prefixed(lead: str, sentence: str) -> str:
    return f"{lead}{sentence[0].lower()}{sentence[1:]}" if sentence else ""


def _bar(found: Answer, *, width: int, named: bool) -> Iterator[_Line]:
    """The wall time of the start-up as a bar, and below it what its parts are."""
    row = found.startup or {}
    parts = [("waiting", _WAITING, row["waiting_wall_s"]), ("checking", _CHECKING, row["checking_s"])]
    parts.append(("unexplained", _REST, row["unexplained_s"]))
    total = sum(seconds for *_, seconds in parts)
    if not total > 0:
        return
    size = min(width, _BAR)
    ends = [round(size * sum(seconds for *_, seconds in parts[: place + 1]) / total) for place in range(len(parts))]
    cells = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    drawn = tuple((sign * count, style) for (_, (sign, style), _), count in zip(parts, cells, strict=True))
    yield _Line("", parts=drawn)
    units = [f"{sign} {name} {words.seconds(seconds)}" for name, (sign, _), seconds in parts]
    who = "" if named or found.starts == 1 else f"of {sentences.place(row, host=False)}"
    yield from (_Line(line) for line in _packed([*units, *filter(None, [who])], width=width))


def _finding(charge: Charge, *, width: int, several: bool, before: set[str]) -> Iterator[_Line]:
    """A finding, stacked: its title, what it costs whom and how sure it is, the remedy."""
    cause, room = charge.cause, width - _BADGE
    badge, style = _BADGES[cause.severity]
    for place, line in enumerate(fold(cause.title, room)):
        yield _Line(line, "bold", badge="" if place else badge, badge_style=style, indent=_BADGE)
    facts = (
        [] if charge.startup is None else [f"{sentences.spent(charge)} of {words.seconds(charge.startup['wall_s'])}"]
    )
    facts += (
        [f"{words.visible(charge.startup['process'])} {charge.startup['pid']}"] if charge.startup and several else []
    )
    facts += [words.listed([words.visible(host) for host in cause.hosts], "computer")] if len(cause.hosts) > 1 else []
    facts += ["the same seconds"] if charge.shares else []
    facts += [cause.certainty]
    yield from (_Line(line, indent=_BADGE) for line in fold(" · ".join(facts), room))
    for fix in _remedy(charge):
        text = "→ the same remedy" if fix in before else f"→ {fix_of(fix).title}"
        yield from (_Line(line, indent=_BADGE) for line in fold(text, room))


def _remedy(charge: Charge) -> list[str]:
    """The id of the first remedy, if there is one."""
    return [fix.id for fix in fixes_of(charge.cause.fixes)[:1]]


def _next(analysis: Analysis, found: Answer, *, log: str) -> list[str]:
    """Commands that go on from here."""
    commands = [f"capi2kit remedy {found.first.id} {log}"] if found.first else []
    if found.charges and found.charges[0].cause.evidence:
        events = analysis.case.events
        cited = events["event"].isin(found.charges[0].cause.evidence).to_numpy(bool)
        tasks = events.index.get_level_values(0)[cited].dropna()
        commands += [f"capi2kit show {tasks[0][:_TASK]} {log}"] if len(tasks) else []
    return [*commands, f"capi2kit report {log}", f"capi2kit summary --full {log}"]


def _packed(units: list[str], *, width: int) -> list[str]:
    """Units in as few lines as hold them, none of them cut unless it is longer than a line."""
    lines = [""]
    for unit in units:
        glue = "   " if lines[-1] else ""
        if lines[-1] and cell_len(lines[-1]) + len(glue) + cell_len(unit) > width:
            lines.append("")
            glue = ""
        lines[-1] += glue + unit
    return [part for line in lines for part in fold(line, width)]
