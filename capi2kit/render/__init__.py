"""Rendering: sections → bytes. `save` chooses the output by the file's extension."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from capi2kit.errors import Capi2kitError

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

OUTPUTS = {".html": "html", ".txt": "text"}


def save(analysis: Analysis, path: str | os.PathLike[str], *, tz: str = "UTC") -> None:
    """Write a report on `analysis` to `path`; the extension chooses the format. Times are shown in `tz`.

    Raises Capi2kitError for an extension without an output, or a path that cannot be written.
    """
    from capi2kit.render.sections import tell

    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in OUTPUTS:
        raise Capi2kitError(
            f"{os.fspath(path)}: no report format {extension or '(none)'!r}; choose one of {', '.join(OUTPUTS)}"
        )
    output = import_module(f"capi2kit.render.{OUTPUTS[extension]}")
    content = output.render(tell(analysis, tz=tz), analysis=analysis, tz=tz)
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as err:
        raise Capi2kitError(f"{os.fspath(path)}: the report cannot be written there ({err.strerror})") from err
