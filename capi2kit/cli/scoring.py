"""Scoring for `capi2kit lab score`: make, analyse, compare, and print the figures."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capi2kit.lab.scenario import Scenario
    from capi2kit.score import Figure, Score

NOTE = (
    "This compares the analysis with our own model of Windows: it shows that the two agree.\n"
    "Whether the model is right, only real logs can show; the tests marked `real` do that for what they hold."
)


def score_scenarios(wanted: Iterable[tuple[str, Callable[[], Scenario]]]) -> bool:
    """Score scenarios one after the other, print a line for each and the figures; whether all limits are kept."""
    from capi2kit.score import judge

    print(f"{'scenario':<28}{'waits':>6}{'exact':>7}{'bounded':>9}{'unknown':>9}{'missed':>8}  start-ups")
    scores = [_print_line(score_scenario(read())) for _, read in _shown(list(wanted))]
    print()
    figures = judge(scores)
    for figure in figures:
        print(_figure_line(figure))
    print(f"\n{NOTE}")
    return all(figure.good for figure in figures)


def score_scenario(scenario: Scenario) -> Score:
    """Make the evidence of a scenario, analyse it as any other, and compare."""
    from capi2kit.analysis import analyse
    from capi2kit.case import load
    from capi2kit.lab.recording import record_scenario
    from capi2kit.score import score_analysis

    recording = record_scenario(scenario)
    with tempfile.TemporaryDirectory() as folder:
        logs = []
        for name, data in recording.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            logs += [path] if path.suffix == ".evtx" else []
        analysis = analyse(load(logs))
    return score_analysis(analysis, json.loads(recording.truth))


def _shown(wanted: list) -> Iterable:
    """The scenarios, with a bar on a terminal."""
    if not sys.stderr.isatty():
        return wanted
    from rich.console import Console
    from rich.progress import track

    return track(wanted, description="scoring", console=Console(stderr=True), transient=True)


def _print_line(score: Score) -> Score:
    waits, startups = score.waits, score.startups
    logged = waits[waits["logged"]]
    counts = [int((logged["quality"] == quality).sum()) for quality in ("exact", "bounded", "unknown")]
    missed, doubted = int((~logged["found"]).sum()), int((startups["flag"] != "").sum())
    told = f"{len(startups)}{f' ({doubted} doubted)' if doubted else ''}"
    print(f"{score.scenario:<28}{len(logged):>6}{counts[0]:>7}{counts[1]:>9}{counts[2]:>9}{missed:>8}  {told}")
    return score


def _figure_line(figure: Figure) -> str:
    value = f"{figure.value:.3f}".rstrip("0").rstrip(".")
    verdict = "MISS" if not figure.good else "–   " if figure.limit == "–" else "ok  "
    line = f"{verdict}  {figure.name}: {value}" + ("" if figure.limit == "–" else f"  (limit {figure.limit})")
    return f"{line}\n        {figure.detail}" if figure.detail else line
