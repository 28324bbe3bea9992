"""Rendering: sections → bytes. `save` chooses the output by the file's extension."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from capi2kit.errors import Capi2kitError
from capi2kit.writer import write_file

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

OUTPUTS = {".html": "html", ".txt": "text"}


def save(
    analysis: Analysis,
    path: str | os.PathLike[str],
    *,
    tz: str = "UTC",
    evidence: Iterable[str | os.PathLike[str]] = (),
    force: bool = True,
) -> None:
    """Write a report on `analysis` to `path`; the extension chooses the format.

    Parameters
    ----------
    analysis : what `analyse` returned.
    path : the file to write; its ending is one of those in `OUTPUTS`.
    tz : zone in which times are shown.
    evidence : files and folders that must not be written to, besides those that the analysis is from.
    force : overwrite an existing file; evidence is never overwritten.

    Returns
    -------
    None : when this returns, the file is complete; after an error the old one is still there.

    Raises
    ------
    Capi2kitError : an extension without an output. OutputError : `path` is evidence, or cannot be written.
    """
    from capi2kit.analysis import answer_of
    from capi2kit.loaders import files
    from capi2kit.render.sections import tell

    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in OUTPUTS:
        raise Capi2kitError(
            f"{os.fspath(path)}: no report format {extension or '(none)'!r}; choose one of {', '.join(OUTPUTS)}"
        )
    output = import_module(f"capi2kit.render.{OUTPUTS[extension]}")
    found = answer_of(analysis)
    content = output.render(tell(analysis, tz=tz, answer=found), analysis=analysis, tz=tz, answer=found)
    read = [part for name in analysis.case.sources["path"] for part in files.of(str(name))]
    write_file(path, content, evidence=[*read, *evidence], force=force)
