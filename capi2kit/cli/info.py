"""`capi2kit info`: what is in the files, whether they are whole, and what they can support."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, opened, shape_of

__all__ = ["add_options", "run"]

_PARTS = ("evidence", "coverage", "problems", "operations", "method")


def run(common: Common) -> None:
    """Say what is in the files: hashes, integrity, losses, coverage, operations."""
    form_of(common, allowed=("text", "txt"))
    analysis = open_analysis(common)
    from capi2kit.render.sections import tell
    from capi2kit.render.text import write

    with opened(common) as file:
        write(tell(analysis, tz=common.tz, only=_PARTS), file=file, **shape_of(file, common))
