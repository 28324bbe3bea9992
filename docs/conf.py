"""Sphinx: the documentation as a site. What is in the data is rendered from it, by `made.py`, before the build."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import made  # noqa: E402

import capi2kit  # noqa: E402

project, author = "capi2kit", "capi2kit authors"
copyright = "capi2kit authors, MIT licence"
release = version = capi2kit.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_design"]
exclude_patterns = ["_build", "README.md", "made.py"]
root_doc = "index"
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!capi2kit).*")]  # names of other packages: their inventories are not downloaded

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are stored with their outputs, and a test runs them again
suppress_warnings = ["mystnb.unknown_mime_type"]

default_role = "code"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"  # the docstrings say what goes in and out
autodoc_member_order = "bysource"

html_theme = "pydata_sphinx_theme"
html_title = "capi2kit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "first_steps": [], "install": []}

_ENTRY = re.compile(r"^(\S[^:]*?) : (.+)$")
_OUTSIDE = re.compile(r"!?\[([^\]]+)\]\(((?:\.\./)+)([^)]+)\)")
_NOTEBOOK = re.compile(r"notebooks/(\w+)\.ipynb")


def _inside(found: re.Match[str], depth: int) -> str:
    """A link out of docs/: to a notebook's page, or the name of the file in the project."""
    label, up, path = found[1], found[2], found[3]
    if up.count("../") <= depth:
        return found[0]
    if found[0].startswith("!"):
        made.copy(HERE / "_made" / "pictures", path)
        return f"![{label}]({'../' * depth}_made/pictures/{Path(path).name})"
    if notebook := _NOTEBOOK.fullmatch(path):
        return f"[{label}]({'../' * depth}_made/notebooks/{notebook[1]}.ipynb)"
    return f"{label} (`{path}` in the project)"


def _rewrite(_app: object, name: str, source: list[str]) -> None:
    source[0] = _OUTSIDE.sub(lambda found: _inside(found, name.count("/")), source[0])


def _entries(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Our docstrings say `name : what it is`; numpydoc takes what follows the colon for a type. So that goes below the name."""
    inside, found = False, list[str]()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if set(below) == {"-"} and line:
            inside = line in ("Parameters", "Returns", "Raises")
        entry = _ENTRY.match(line) if inside else None
        found += [entry[1], f"    {entry[2]}"] if entry else [line]
    lines[:] = found


def setup(app: object) -> None:
    """Render what is in the data, and keep links inside the site."""
    made.make(HERE / "_made")
    app.connect("source-read", _rewrite)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", _entries, priority=100)  # type: ignore[attr-defined]
