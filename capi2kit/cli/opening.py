"""Opening: from the options to an analysis, with messages and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capi2kit.cli.errors import UsageError
from capi2kit.cli.options import Common
from capi2kit.cli.output import check_output

if TYPE_CHECKING:
    import pandas as pd

    from capi2kit.analysis import Analysis
    from capi2kit.case import Case
    from capi2kit.diagnosis.rules import Rule

    Records = Callable[[Iterable[int]], Mapping[int, str]]
_WORTH_A_BAR = 5_000  # records


def _read(common: Common) -> Case:
    """Load the logs, with a progress bar on a terminal."""
    from capi2kit.case import load
    from capi2kit.questions.cautions import zone_notes

    zone(common)
    check_output(common)
    bar, report = _progress(common)

    try:
        case = load(
            common.logs,
            engine=common.engine,
            tz=common.local,
            strict=common.strict,
            follow=common.follow,
            progress=report,
        )
    finally:
        if bar:
            bar.stop()
    for message in zone_notes(case.problems):
        say(common, message)
    lost = int(case.sources["lost"].sum())
    if lost:
        say(
            common,
            f"{lost} of {int(case.sources['promised'].sum())} records are lost; `capi2kit info` says which and why",
        )
    for message in case.problems.loc[case.problems["error"] == "not read", "message"]:
        if message.startswith(tuple(log for log in common.logs if not Path(log).is_dir())):
            say(common, message)
    if common.verbose:
        for row in case.sources.itertuples():
            say(common, f"{row.path}: {row.loaded} events, {row.other} of other providers, engine {row.engine}")
    return case


def open_case(common: Common) -> Case:
    """Load the logs, with a progress bar on a terminal, and redact them if a key is given."""
    return _with_records(common)[0]


def _with_records(common: Common) -> tuple[Case, Records]:
    """The case, and what gives the records behind its events as XML, both redacted if a key is given."""
    case = _read(common)
    if common.redact:
        from capi2kit.redaction.files import redact_with_records

        return redact_with_records(case, common.redact)
    from capi2kit.case import records_xml

    return case, partial(records_xml, case)


def open_analysis(common: Common) -> Analysis:
    """Load and analyse, then narrow to what was asked for."""
    return open_with_records(common)[0]


def open_with_records(common: Common) -> tuple[Analysis, Records]:
    """As `open_analysis`, and what gives the records behind events as XML."""
    from capi2kit.analysis import analyse
    from capi2kit.errors import NoEvents
    from capi2kit.selection import narrow

    start, stop = moment(common, common.since, option="--from"), moment(common, common.until, option="--to")
    more = _own_rules(common.rules)
    progress = (lambda step: say(common, step)) if common.verbose else None
    case, records = _with_records(common)
    analysis = analyse(case, correct_clocks=common.correct_clock, more_rules=more, progress=progress)
    loaded = len(analysis.case.events)
    process, host = as_shown(common, common.process, kind="image"), as_shown(common, common.host, kind="host")
    analysis = narrow(analysis, start=start, stop=stop, process=process, pid=common.pid, host=host)
    if loaded and not len(analysis.case.events):
        raise NoEvents("nothing in the log matches the selection; leave out --from, --to, --process, --pid or --host")
    return analysis, records


def as_shown(common: Common, name: str | None, *, kind: str) -> str | None:
    """The name of a computer or program as the tables have it: a pseudonym, where names are redacted."""
    if name is None or common.redact is None:
        return name
    from capi2kit.redaction import Redactor, open_key
    from capi2kit.redaction.vocabulary import Vocabulary

    vocabulary = Vocabulary()
    vocabulary.learn(kind, name)
    return Redactor(vocabulary, open_key(common.redact)).text(name)


def _own_rules(folder: str | None) -> tuple[Rule, ...]:
    """The rules in a folder of the user; each is checked, and none may have the id of a built-in one."""
    if not folder:
        return ()
    from capi2kit.diagnosis.rules import rules
    from capi2kit.errors import KnowledgeError

    if not Path(folder).is_dir():
        raise UsageError(f"--rules: {folder} is not a folder")
    own = rules(Path(folder))
    if not own:
        raise KnowledgeError("no rule in it; a rule is a file that ends in .toml", file=folder)
    if twice := sorted({rule.id for rule in own} & {rule.id for rule in rules()}):
        raise KnowledgeError(f"there is a rule {twice[0]!r} already; give yours another id", file=f"{twice[0]}.toml")
    return own


def say(common: Common, text: str) -> None:
    """One message on stderr."""
    if not common.quiet:
        from capi2kit.words import visible

        print(f"capi2kit: {visible(text)}", file=sys.stderr)


def say_more(common: Common, text: str) -> None:
    """One message on stderr, if more of them were asked for."""
    if common.verbose:
        say(common, text)


def zone(common: Common) -> str:
    """The display zone, or a usage error if no zone has that name."""
    from capi2kit.case import checked_zone
    from capi2kit.errors import EvidenceError

    try:
        checked_zone(common.tz)
    except EvidenceError as err:
        raise UsageError(f"--tz: {err}") from None
    return common.tz


def moment(common: Common, text: str | None, *, option: str) -> pd.Timestamp | None:
    """A time as the user wrote it, in the display zone unless it names another; echoed in UTC."""
    if text is None:
        return None
    import pandas as pd

    try:
        time = pd.Timestamp(text)
        if pd.isna(time):
            raise ValueError(text)
        time = time.tz_localize(zone(common)) if time.tzinfo is None else time
    except (ValueError, TypeError) as err:
        raise UsageError(f"{option}: {text!r} is not a time; write 2016-07-22T16:36 or 2016-07-22T18:36+02:00") from err
    time = time.tz_convert("UTC")
    say(common, f"reading {option} {text} as {time:%Y-%m-%d %H:%M:%S}Z")
    return time


def _progress(common: Common) -> tuple[Any, Callable[[str, int, int], None] | None]:
    if common.quiet or not sys.stderr.isatty():
        return None, None
    bar: Any = None
    task: Any = None
    started = False

    def report(name: str, done: int, total: int) -> None:
        nonlocal bar, task, started
        if total < _WORTH_A_BAR:
            return
        if not started:
            bar, started = _bar(common), True
            task = bar.add_task("reading", total=total)
            bar.start()
        bar.update(task, completed=done, total=total)

    class _Stopper:
        def stop(self) -> None:
            if bar:
                bar.stop()

    return _Stopper(), report


def _bar(common: Common) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True, no_color=common.no_color or None), transient=True)
