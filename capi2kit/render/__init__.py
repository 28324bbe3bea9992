"""Rendering: a report → bytes. `save` chooses the output by the file's extension."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from capi2kit.errors import Capi2kitError
from capi2kit.writer import write_file

if TYPE_CHECKING:
    from datetime import date

    from capi2kit.analysis import Analysis
    from capi2kit.render.edition import Edition
    from capi2kit.render.report import Report

PathLike = str | os.PathLike[str]
WITH_TEMPLATE = ".docx"
OUTPUTS = {
    ".html": "html",
    ".pdf": "pdf",
    ".docx": "word",
    ".md": "markdown",
    ".xlsx": "excel",
    ".json": "jsonfile",
    ".txt": "text",
}


def save(
    analysis: Analysis,
    path: str | os.PathLike[str],
    *,
    tz: str = "UTC",
    title: str | None = None,
    client: str | None = None,
    case: str | None = None,
    examiner: str | None = None,
    logo: PathLike | None = None,
    notes: PathLike | None = None,
    date: str | date | None = None,
    template: PathLike | None = None,
    options: Mapping[str, str] | None = None,
    evidence: Iterable[PathLike] = (),
    force: bool = True,
) -> list[str]:
    """Write a report on `analysis`, or an export of its tables, to `path`; the ending chooses the format.

    Parameters
    ----------
    analysis : what `analyse` returned.
    path : the file to write. Reports end in .html, .pdf, .docx, .md, .xlsx, .json or .txt; exports in .csv, .jsonl, .parquet,
        .trace.json (for Perfetto) or .timesketch.jsonl. Formats with one table a file write further files beside it.
    tz : zone in which a report shows times.
    title, client, case, examiner, logo, notes : any of them makes a customer's edition: cover, contents, method and limits, custody,
        glossary, the cited records as XML. `logo`: a PNG or JPEG file. `notes`: a Markdown file.
    date : date of the report, 2026-11-27; if not given, that of SOURCE_DATE_EPOCH, else none.
    template : a .docx file whose styles, page and headers a .docx report takes; its text is left out.
    options : what was chosen that changes results, name → value: the custody page lists it.
    evidence : files and folders that must not be written to, besides those that the analysis is from.
    force : overwrite an existing file; evidence is never overwritten.

    Returns
    -------
    list of str : a sentence for each file that was written: what is in it, what was left out, and why. When this returns, the
        files are complete; after an error the old ones are still there.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    Capi2kitError : an ending without an output; a package that the format needs is not installed.
    OutputError : `path` is evidence, or cannot be written; a logo, template or file of notes cannot be used.
    """
    from capi2kit.case import records_xml
    from capi2kit.given import analysis_of
    from capi2kit.loaders import files
    from capi2kit.render import exports
    from capi2kit.render.edition import read_edition, with_options
    from capi2kit.render.manifest import archives_of

    analysis = analysis_of(analysis)
    read = [part for name in analysis.case.sources["path"] for part in files.of(str(name))]
    if exports.ending_of(path):
        return exports.export(analysis, path, evidence=[*read, *evidence], force=force)
    output = output_for(path)
    edition = read_edition(title=title, client=client, case=case, examiner=examiner, logo=logo, notes=notes, day=date)
    edition = replace(with_options(edition, options or {}), archives=archives_of(analysis.case))
    content, said = rendered(
        analysis, output, edition=edition, template=template, tz=tz, xml=partial(records_xml, analysis.case)
    )
    protected = [*read, *evidence, *edition.files, *([template] if template else [])]
    write_file(path, content, evidence=protected, force=force)
    return [f"{os.fspath(path)}: {said}"]


def output_for(path: PathLike) -> str:
    """The ending that chooses the output of a report. Raises Capi2kitError if there is none for it."""
    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in OUTPUTS:
        from capi2kit.render.exports import EXPORTS

        raise Capi2kitError(
            f"{os.fspath(path)}: no report format {extension or '(none)'!r}; choose one of {', '.join(OUTPUTS)}, "
            f"or for its tables one of {', '.join(EXPORTS)}"
        )
    return extension


def rendered(
    analysis: Analysis,
    extension: str,
    *,
    edition: Edition,
    template: PathLike | None,
    tz: str,
    xml: Callable[[Iterable[int]], Mapping[int, str]] | None,
) -> tuple[bytes, str]:
    """A report as bytes, and what is to be said of it. `xml`: gives the records behind events, if they may be shown."""
    check_template(template, extension)
    from capi2kit.render.report import assemble

    output = import_module(f"capi2kit.render.{OUTPUTS[extension]}")
    report = assemble(analysis, tz=tz, edition=edition, xml=xml)
    more = {"template": template} if template is not None else {}
    return output.render(report, **more), report.said


def write_comparison(
    report: Report, path: PathLike, *, template: PathLike | None, evidence: Iterable[PathLike], force: bool
) -> None:
    """Write a report that is put together already; the ending chooses the output."""
    extension = output_for(path)
    check_template(template, extension)
    output = import_module(f"capi2kit.render.{OUTPUTS[extension]}")
    more = {"template": template} if template is not None else {}
    files = [*evidence, *report.edition.files, *([template] if template else [])]
    write_file(path, output.render(report, **more), evidence=files, force=force)


def check_template(template: PathLike | None, extension: str) -> None:
    """Raises Capi2kitError if a template is given for another format than Word's."""
    if template is not None and extension != WITH_TEMPLATE:
        raise Capi2kitError(
            f"a template is for {WITH_TEMPLATE} reports, not for {extension}; leave it out, or choose {WITH_TEMPLATE}"
        )
