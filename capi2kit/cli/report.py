"""`capi2kit report`: the same content as a file that can be sent and audited."""

from __future__ import annotations

import argparse
import glob
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from capi2kit.cli import options
from capi2kit.cli.opening import open_with_records, say_more
from capi2kit.cli.options import Common
from capi2kit.cli.output import chosen, form_of, inputs, options_said
from capi2kit.writer import check_target, unused, write_file

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case
    from capi2kit.render.edition import Packed

_FORMS = ("html", "pdf", "docx", "md", "xlsx", "json", "txt")


def add_options(verb: argparse.ArgumentParser) -> None:
    """What a customer's edition says, and the shared options."""
    options.add_options(verb)
    add_edition(verb)


def add_edition(verb: argparse.ArgumentParser) -> None:
    """What a customer's edition says."""
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
    """Write a report next to the log (or to -o) with its manifest, print its path and the headline."""
    form = form_of(common, allowed=_FORMS)
    path = common.output or unused(_beside("redacted" if common.redact else common.logs[0], form))
    common = replace(common, output=path, beside=(*common.beside, *_files(given)))
    beside = manifest_beside(path)
    for target in (path, *([beside] if beside else [])):
        check_target(target, evidence=inputs(common), force=common.force)
    from capi2kit.render import output_for

    built = build(common, given, extension=output_for(path))
    from capi2kit.analysis import headline
    from capi2kit.render.manifest import manifest_of, sha256_of
    from capi2kit.words import visible

    write_file(path, built.content, evidence=inputs(common), force=common.force)
    if beside:
        rules = sorted(glob.glob(os.path.join(glob.escape(common.rules), "*.toml"))) if common.rules else []
        own = {name: sha256_of(name) for name in (*_files(given), *rules)}
        options = chosen(common) | ({"redact": key_name(common.redact)} if common.redact else {})
        content = manifest_of(
            built.analysis.case,
            built.content,
            name=os.path.basename(path),
            options=options,
            edition=given,
            own=own,
            archives=built.archives,
        )
        write_file(beside, content, evidence=inputs(common), force=common.force)
    say_more(common, f"{path}: {built.said}")
    print(visible(path))
    print(visible(headline(built.analysis)))


class Built(NamedTuple):
    """A report that is not written yet, and what it is from."""

    analysis: Analysis
    content: bytes
    said: str
    archives: list[Packed]


def build(
    common: Common,
    given: Mapping[str, str | None],
    *,
    extension: str,
    renamed: Callable[[Case], Case] = lambda case: case,
    archives: list[Packed] | None = None,
) -> Built:
    """Load, analyse and render. `renamed`: names the files of the case as the report shall; `archives`: those that it is said to have
    come in, None: as they are now."""
    from capi2kit.render import rendered
    from capi2kit.render.edition import read_edition, with_options
    from capi2kit.render.manifest import archives_of

    named = {name: value for name, value in given.items() if name not in ("template", "date")}
    edition = read_edition(**named, day=given.get("date"))
    analysis, records = open_with_records(common)
    archives = archives_of(analysis.case) if archives is None else archives
    edition = replace(with_options(edition, options_said(common)), archives=archives)
    shown = replace(analysis, case=renamed(analysis.case))
    content, said = rendered(
        shown,
        extension,
        edition=edition,
        template=given.get("template"),
        tz=common.tz,
        xml=records,
    )
    return Built(analysis, content, said, archives)


def manifest_beside(path: str) -> str | None:
    """The name of the manifest of a report; none for a stream."""
    from capi2kit.render.manifest import ENDING

    return None if os.path.exists(path) and not os.path.isfile(path) else f"{path}{ENDING}"


def key_name(path: str) -> str:
    """What a manifest says of a key: enough to know it again, nothing of its secret."""
    from capi2kit.redaction import open_key

    return f"key {hashlib.sha256(open_key(path).secret).hexdigest()[:16]}"


def _files(given: Mapping[str, str | None]) -> list[str]:
    """The files that are read besides the evidence: they are not written to."""
    return [path for name in ("logo", "notes", "template") if (path := given.get(name))]


def _beside(log: str, form: str) -> str:
    """A name in the current folder: evidence folders are not written to."""
    name = os.path.basename(os.path.normpath(log)).replace("*", "_").replace("?", "_") or "logs"
    return f"{os.path.splitext(name)[0]}.capi2kit.{form}"
