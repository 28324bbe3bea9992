"""Casefile: a ready notebook for one case: parameters, the answer, the waits to click through, charts, remedies, notes, the report."""

from __future__ import annotations

import json
from typing import Any

from capi2kit import __version__

_CELLS = (
    ("markdown", "# {title}\n\nRun all cells, then write down what you see. Nothing is sent anywhere."),
    ("parameters", "LOG = {log}  # a file, a folder, a .zip, or a list\nTZ = {tz}  # of logs in local time; None: as they say"),
    ("code", "%matplotlib inline\nimport capi2kit as c2\n\ncase = c2.load(LOG, tz=TZ)\ncase"),
    ("markdown", "## The answer"),
    ("code", "a = c2.analyse(case)\na"),
    ("markdown", "## Who waited for what\n\nFilter the waits; choose one to see its task (`pip install 'capi2kit[lab]'`)."),
    ("code", "c2.explore(a)"),
    ("code", "c2.plot_startup(a).figure"),
    ("code", "c2.plot_hosts(a).figure"),
    ("code", "c2.view(c2.accounts(a))"),
    ("markdown", "## What would help\n\nEach remedy, replayed on the waits of this log; then the first one as a ticket."),
    ("code", "c2.view(c2.whatif(a))"),
    ("code", "c2.plot_savings(a).figure"),
    ("code", "c2.remedy(a)"),
    ("markdown", "## What the evidence does not say"),
    ("code", 'c2.view(case, "coverage")'),
    ("code", 'c2.view(case, "problems")'),
    ("markdown", "## Notes\n\n- Who collected the log, when, and how:\n- What was changed before and after:\n- Open questions:"),
    ("markdown", "## The report"),
    ("code", 'c2.save(a, {report})  # also .pdf, .docx, .md, .xlsx, .json; client="…" makes a customer\'s edition'),
)  # fmt: skip


def case_notebook(logs: list[str], *, title: str, report: str, tz: str | None = None) -> bytes:
    """A notebook that loads these logs, as the bytes of an .ipynb file; the same input gives the same bytes."""
    words = {"log": repr(logs[0] if len(logs) == 1 else logs), "tz": repr(tz), "title": title, "report": repr(report)}
    notebook = {
        "cells": [_cell(number, kind=kind, text=text, words=words) for number, (kind, text) in enumerate(_CELLS)],
        "metadata": {
            "capi2kit": {"version": __version__},
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, indent=1, ensure_ascii=True) + "\n").encode("utf-8")


def _cell(number: int, *, kind: str, text: str, words: dict[str, str]) -> dict[str, Any]:
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    cell: dict[str, Any] = {"cell_type": "markdown" if kind == "markdown" else "code", "id": f"case-{number:02d}"}
    cell["metadata"] = {"tags": ["parameters"]} if kind == "parameters" else {}
    if kind != "markdown":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": text.splitlines(keepends=True)}
