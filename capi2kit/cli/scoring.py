"""Scoring for `capi2kit lab score`: make, analyse, compare, and print the figures."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
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


def score_rules(wanted: Iterable[tuple[str, Callable[[], Scenario]]]) -> bool:
    """Every rule on every scenario: what was expected, found, missed and forbidden; whether all is as the truth says."""
    from capi2kit.rules import rules

    known = {rule.id for rule in rules()}
    print(f"{'scenario':<28}{'expected':>9}{'found':>7}  missed, forbidden, or without a rule")
    missed = forbidden = 0
    for _, read in _shown(list(wanted)):
        scenario = read()
        analysis = analyse_scenario(scenario)[0]
        found, expected = set(analysis.findings["rule"]), set(scenario.causes)
        lost, wrong = sorted(expected - found), sorted(found & set(scenario.not_causes))
        missed, forbidden = missed + len(lost), forbidden + len(wrong)
        told = [f"missed {name}{'' if name in known else ' (no rule)'}" for name in lost] + [
            f"forbidden {name}" for name in wrong
        ]
        print(f"{scenario.id:<28}{len(expected):>9}{len(expected & found):>7}  {', '.join(told)}".rstrip())
    print(f"\n{missed} expected findings missed, {forbidden} forbidden ones made, {len(known)} rules")
    return not missed and not forbidden


def score_scenario(scenario: Scenario) -> Score:
    """Make the evidence of a scenario, analyse it as any other, and compare."""
    from capi2kit.score import score_analysis

    analysis, truth = analyse_scenario(scenario, only=".evtx")
    return score_analysis(analysis, truth)


def analyse_scenario(scenario: Scenario, *, only: str = "") -> tuple[Analysis, dict[str, Any]]:
    """The analysis of a scenario's evidence, or of its files with one ending, and its truth."""
    from capi2kit.analysis import analyse
    from capi2kit.case import load
    from capi2kit.lab.recording import record_scenario
    from capi2kit.lab.simulate.zone import IANA

    recording = record_scenario(scenario)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, data in recording.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            files += [path] if path.name.endswith(only) else []
        return analyse(load(files, tz=IANA)), json.loads(recording.truth)


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
