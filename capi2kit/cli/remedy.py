"""`capi2kit remedy`: one remedy with the names and figures of a log, ready for a ticket."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_analysis, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import console_of, encoding_of, form_of, opened
from capi2kit.writer import plain

_FORMS = ("text", "md")
_TEAMS = ("firewall", "proxy", "pki", "server", "security")
_MOST = 6


def add_options(verb: argparse.ArgumentParser) -> None:
    """For which team, and the shared options; the first argument may be the id of a remedy."""
    verb.add_argument("--for", dest="team", choices=_TEAMS, help="only a remedy that this team carries out")
    options.add_options(verb)
    verb.usage = "capi2kit remedy [options] [ID] LOG [LOG ...]"
    verb.epilog = "ID: a remedy as `whatif` and the report name it, e.g. allow-pki-hosts; without it the first one. -f md: Markdown."


def run(common: Common, *, team: str | None) -> None:
    """Print one remedy as a ticket."""
    form = form_of(common, allowed=_FORMS)
    from capi2kit.diagnosis.fixes import fixes
    from capi2kit.questions.tickets import cited_by, ticket
    from capi2kit.render.ticket import WIDTH, write_ticket

    wanted, logs = _parted(common.logs, known=list(fixes()))
    if wanted and team and fixes()[wanted].team != team:
        raise UsageError(
            f"--for {team}: {wanted} is carried out by the {fixes()[wanted].team} team; leave out one of the two"
        )
    analysis = open_analysis(replace(common, logs=logs))
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    found = ticket(analysis.findings, wanted, team=team, tables=tables)
    if found is None:
        whose = f" for the {team} team" if team else ""
        say(common, f"no finding of this log names a remedy{whose}; `capi2kit summary` says what was found")
        return
    events = analysis.case.events.reset_index(drop=True)
    records = cited_by(found.reasons, events=events, sources=analysis.case.sources)
    with opened(common) as file:
        width = min(console_of(file, common).width, WIDTH) if form == "text" else WIDTH
        text = write_ticket(found, records=records, markdown=form == "md", width=width)
        file.write(plain(text, encoding_of(file)))
    if found.others:
        others = ", ".join(f"{fix.id} ({fix.team})" for fix in found.others[:_MOST])
        say(common, f"other remedies for this log: {others}")


def _parted(given: list[str], *, known: list[str]) -> tuple[str | None, list[str]]:
    """The id of a remedy, if the first argument is one, and the logs."""
    first, rest = given[0], given[1:]
    if Path(first).exists() or (first not in known and not rest):
        return None, given
    if first in known:
        if not rest:
            raise UsageError(f"name a log, too: capi2kit remedy {first} LOG")
        return first, rest
    from difflib import get_close_matches

    near = get_close_matches(first, known, n=1)
    raise UsageError(f"there is no log and no remedy {first!r}" + (f"; did you mean {near[0]}?" if near else ""))
