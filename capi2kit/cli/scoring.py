"""Scoring for `capi2kit lab score`: make, analyse, compare, and print the figures."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.lab.scenario import Scenario
    from capi2kit.score import Figure, Score

    Wanted = Iterable[tuple[str, Callable[[], Scenario]]]

NOTE = (
    "This compares the analysis with our own model of Windows: it shows that the two agree.\n"
    "Only real logs can show whether the model is right; the tests marked `real` do that for the logs they have."
)


def score_scenarios(wanted: Wanted) -> bool:
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


LEAST = 0.98  # of precision and recall over drawn scenarios


def score_rules(written: Wanted, *, drawn: Wanted) -> bool:
    """Every rule on every scenario: the matrix, what is missed or made up, precision and recall over the drawn ones."""
    from capi2kit.diagnosis.rules import rules

    known = [rule.id for rule in rules()]
    verdicts = [_verdict(name, read()) for name, read in _shown(list(written))]
    _print_matrix(verdicts, rules=known)
    wrong = [f"{one.scenario}: {line}" for one in verdicts for line in one.wrong]
    print(
        "\n".join(
            [*wrong, f"{len(verdicts)} written scenarios, {len(known)} rules: {len(wrong)} differences from the truth"]
        )
    )
    return not wrong and _score_drawn(drawn)


def _score_drawn(drawn: Wanted) -> bool:
    verdicts = [_verdict(name, read()) for name, read in _shown(list(drawn))]
    if not verdicts:
        return True
    both = sum(len(one.expected & one.found) for one in verdicts)
    more, less = (
        sum(map(len, sets))
        for sets in zip(*((one.found - one.expected, one.expected - one.found) for one in verdicts), strict=True)
    )
    precision, recall = both / max(both + more, 1), both / max(both + less, 1)
    print(f"\n{len(verdicts)} drawn scenarios: {both} findings right, {more} made up, {less} missed")
    for one in verdicts:
        for line in one.wrong:
            print(f"  {one.scenario}: {line}")
    from capi2kit.lab.scenario import tables

    why = tables("ambiguities")
    for rule in sorted({rule for one in verdicts for rule in one.expected ^ one.found}):
        print(f"  why {rule}: {why.get(rule, 'not explained')}")
    for name, value in (("precision", precision), ("recall", recall)):
        print(f"{'ok  ' if value >= LEAST else 'MISS'}  {name}: {value:.4f}  (limit ≥ {LEAST})")
    print(f"\n{NOTE}")
    return precision >= LEAST and recall >= LEAST


def score_healthy(drawn: Wanted) -> bool:
    """Computers on which nothing is wrong: whether no rule of high severity fires there."""
    found = {name: analyse_scenario(read())[0].findings for name, read in _shown(list(drawn))}
    if not found:
        return True
    wrong = [
        f"  {name}: {rule}" for name, rows in found.items() for rule in rows.loc[rows["severity"] == "high", "rule"]
    ]
    print("\n".join([f"\n{len(found)} healthy mixtures", *wrong]))
    print(f"{'MISS' if wrong else 'ok  '}  findings of high severity: {len(wrong)}  (limit 0)")
    return not wrong


class _Verdict(NamedTuple):
    """One scenario: which rules should fire, and which did."""

    scenario: str
    expected: frozenset[str]
    found: frozenset[str]

    @property
    def wrong(self) -> list[str]:
        """The differences from the truth."""
        missed = [f"missed {rule}" for rule in sorted(self.expected - self.found)]
        return missed + [f"made up {rule}" for rule in sorted(self.found - self.expected)]


def _verdict(name: str, scenario: Scenario) -> _Verdict:
    analysis, truth = analyse_scenario(scenario)
    return _Verdict(name, frozenset(truth["causes"]), frozenset(analysis.findings["rule"]))


def _print_matrix(verdicts: list[_Verdict], *, rules: list[str]) -> None:
    """Rules down, scenarios across: # fired as it should, . silent as it should, M missed, F made up."""
    width = max(map(len, rules), default=0)
    for number, one in enumerate(verdicts, 1):
        print(f"{number:>3} {one.scenario}")
    print("\nRules by scenario: # fired as it should, . silent as it should, M missed, F made up")
    for digit in (10, 1):
        print(" " * (width + 1) + "".join(str(number // digit % 10) for number in range(1, len(verdicts) + 1)))
    for rule in rules:
        marks = (".FM#"[2 * (rule in one.expected) + (rule in one.found)] for one in verdicts)
        print(f"{rule:<{width}} {''.join(marks)}")


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
    from capi2kit.lab.simulate.timezone import IANA

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
    total = f"{len(startups)}{f' ({doubted} doubted)' if doubted else ''}"
    print(f"{score.scenario:<28}{len(logged):>6}{counts[0]:>7}{counts[1]:>9}{counts[2]:>9}{missed:>8}  {total}")
    return score


def _figure_line(figure: Figure) -> str:
    value = f"{figure.value:.3f}".rstrip("0").rstrip(".")
    verdict = "MISS" if not figure.good else "–   " if figure.limit == "–" else "ok  "
    line = f"{verdict}  {figure.name}: {value}" + ("" if figure.limit == "–" else f"  (limit {figure.limit})")
    return f"{line}\n        {figure.detail}" if figure.detail else line
