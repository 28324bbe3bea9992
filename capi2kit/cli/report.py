"""`capi2kit report`: the same content as a file that can be sent and audited."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import check_output, form_of, inputs, options_said
from capi2kit.writer import unused

_FORMS = ("html", "pdf", "docx", "md", "xlsx", "json", "txt")
_EDITION = ("title", "client", "case", "examiner", "logo", "notes", "date", "template")


def add_options(verb: argparse.ArgumentParser) -> None:
    """What a customer's edition says, and the shared options."""
    options.add_options(verb)
    edition = verb.add_argument_group(
        "customer's edition", "any of the first six adds cover, contents, method, limits, custody, glossary, appendix"
    )
    edition.add_argument("--title", metavar="TEXT", help="title of the report")
    edition.add_argument("--client", metavar="TEXT", help="for whom it is")
    edition.add_argument("--case", metavar="TEXT", help="number or name of the case")
    edition.add_argument("--examiner", metavar="TEXT", help="who made it")
    edition.add_argument("--logo", metavar="FILE", help="a picture for the cover, PNG or JPEG")
    edition.add_argument("--notes", metavar="FILE", help="notes of the examiner, Markdown")
    edition.add_argument(
        "--date", metavar="DAY", help="date of the report, 2026-11-27 (that of SOURCE_DATE_EPOCH, else none)"
    )
    edition.add_argument(
        "--template", metavar="FILE", help="a .docx file whose styles and headers a .docx report takes"
    )


def run(common: Common, **given: str | None) -> None:
    """Write a report next to the log (or to -o), print its path and the headline."""
    form = form_of(common, allowed=_FORMS)
    path = common.output or unused(_beside(common.logs[0], form))
    common = replace(common, output=path, beside=(*common.beside, *_files(given)))
    check_output(common)
    from capi2kit.render import output_for

    output_for(path)
    analysis = open_analysis(common)
    from capi2kit.analysis import headline
    from capi2kit.render import save
    from capi2kit.words import visible

    edition = {name: given[name] for name in _EDITION}
    said = save(
        analysis,
        path,
        tz=common.tz,
        options=options_said(common),
        evidence=inputs(common),
        force=common.force,
        **edition,
    )
    if common.verbose:
        for sentence in said:
            say(common, sentence)
    print(visible(path))
    print(visible(headline(analysis)))


def _files(given: dict[str, str | None]) -> list[str]:
    """The files that are read besides the evidence: they are not written to."""
    return [path for name in ("logo", "notes", "template") if (path := given[name])]


def _beside(log: str, form: str) -> str:
    """A name in the current folder: evidence folders are not written to."""
    name = os.path.basename(os.path.normpath(log)).replace("*", "_").replace("?", "_") or "logs"
    return f"{os.path.splitext(name)[0]}.capi2kit.{form}"
