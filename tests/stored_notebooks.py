"""Run the notebooks and store them with their outputs: `make notebooks`. What would differ on another computer is left out.

A test runs them again and compares the texts; pictures may differ by fonts.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent.parent / "notebooks"
_OURS = ("LOG", "AFTER", "ZONE")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_PICTURE = "image/png"
_NAME = re.compile(r"\bT_[0-9a-f]{5}")
_WIDGET = "application/vnd.jupyter.widget-view+json"  # means nothing without the kernel that made it
_KEPT = ("kernelspec", "language_info")


def executed(path: Path) -> NotebookNode:
    """A notebook with fresh outputs, on its own dataset."""
    for name in _OURS:
        os.environ.pop(name, None)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return cleaned(notebook)


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without times, widget states and versions of this computer; with a text for each picture: the heading above it."""
    notebook.metadata = NotebookNode({name: notebook.metadata[name] for name in _KEPT if name in notebook.metadata})
    notebook.metadata.get("language_info", {}).pop("version", None)
    heading, names = "", dict[str, str]()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = next(iter(_HEADING.findall(cell.source)[-1:]), heading)
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = [one for one in cell.outputs if _WIDGET not in one.get("data", {}) or "text/html" in one.data]
        for output in cell.outputs:
            output.get("data", {}).pop(_WIDGET, None)
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = renamed(output.data["text/html"], names)
            if _PICTURE in output.get("data", {}):
                output.metadata = {_PICTURE: {"alt": f"Chart: {heading}"}}
                output.data.pop("text/plain", None)
    return notebook


def renamed(html: str, names: dict[str, str]) -> str:
    """HTML in which the names that pandas gives to styled tables, by lot, are numbers in their order."""
    return _NAME.sub(lambda found: names.setdefault(found[0], f"T_{len(names):05d}"), html)


def texts(notebook: NotebookNode) -> list[str]:
    """What the cells print and show as text and HTML, one text per cell with code; pictures aside."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts = [output.get("text", "") for output in cell.outputs]
            shown = [output.data for output in cell.outputs if "data" in output and _PICTURE not in output.data]
            parts += ["".join(data.get("text/html", data.get("text/plain", ""))) for data in shown]
            found.append("\n".join(map("".join, parts)))
    return found


def main() -> None:
    """Run and store the notebooks that are named, or all."""
    for path in [FOLDER / f"{name}.ipynb" for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(executed(path), path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
