"""`capi2kit report`: the same content as a file that can be sent and audited."""

from __future__ import annotations

import os
from dataclasses import replace

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, inputs
from capi2kit.writer import unused

__all__ = ["add_options", "run"]


def run(common: Common) -> None:
    """Write a self-contained HTML report next to the log (or to -o), print its path and the headline."""
    form_of(common, allowed=("html",))
    path = common.output or unused(_beside(common.logs[0]))
    common = replace(common, output=path)
    analysis = open_analysis(common)
    from capi2kit.analysis import headline
    from capi2kit.render import save
    from capi2kit.words import visible

    save(analysis, path, tz=common.tz, evidence=inputs(common), force=common.force)
    print(visible(path))
    print(visible(headline(analysis)))


def _beside(log: str) -> str:
    """A name in the current folder: evidence folders are not written to."""
    name = os.path.basename(os.path.normpath(log)).replace("*", "_").replace("?", "_") or "logs"
    return f"{os.path.splitext(name)[0]}.capi2kit.html"
