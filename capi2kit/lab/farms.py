"""Farms: many invented computers installed from one image, a few of which are unlike the others.

All of them start the same program in the morning. The proxy was changed: most computers were given the new one, a few still go direct and
wait for silence. On some the clock is wrong. The truth says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from capi2kit.errors import OutputError, ScenarioError
from capi2kit.lab.reading import make_scenario
from capi2kit.lab.recording import CHANNEL_FILE, record_scenario, short_name
from capi2kit.lab.scenario import Scenario
from capi2kit.lab.simulate.randomness import Randomness
from capi2kit.writer import write_file

EVIDENCE, TRUTH = "evidence", "truth.json"
_BEGINS = datetime(2016, 5, 9, 5, tzinfo=UTC)  # a Monday
_PROXY = "10.20.0.9:3128"
_FORGOTTEN, _WRONG_CLOCK = 0.16, 0.06  # parts of the computers
_CLOCK_S = 384.0
_SIGNERS = ["contoso", "fabrikam", "tailspin"]
_MOST = 500


class Computer(NamedTuple):
    """One computer of a farm: its scenario, whether the new proxy was forgotten, and how far its clock is off."""

    scenario: Scenario
    forgotten: bool
    clock_error_s: float


def draw_farm(computers: int, *, seed: int) -> Iterator[Computer]:
    """The computers of a farm, drawn by a seed. Raises ScenarioError for a number that makes no farm."""
    if not 2 <= computers <= _MOST:
        raise ScenarioError(f"a farm has 2 to {_MOST} computers, not {computers}")
    dice = Randomness(seed, "farm")
    order = sorted(range(computers), key=lambda _: dice.share())
    forgotten = set(order[: max(1, round(_FORGOTTEN * computers))])
    wrong = set(order[-max(1, round(_WRONG_CLOCK * computers)) :])
    for number in range(computers):
        error = _CLOCK_S if number in wrong else round(4 * dice.share() - 2, 1)
        table = _scenario(number, forgotten=number in forgotten, error=error, minutes=20 * dice.share(), seed=seed)
        yield Computer(make_scenario(table, file=f"farm {seed}"), number in forgotten, error)


def _scenario(number: int, *, forgotten: bool, error: float, minutes: float, seed: int) -> dict[str, Any]:
    name = f"WEB{number + 1:02}.contoso.example"
    account = {"like": "farm"} if forgotten else {"like": "farm", "proxy": _PROXY}
    work = {
        "caller": "authenticode",
        "signers": _SIGNERS,
        "folder": "C:\\Windows\\assembly\\GAC_MSIL\\",
        "files": [f"@portal:{6 + number % 4}"],
    }
    process = {"id": "pool", "image": "w3wp.exe", "pid": 3300 + 4 * number, "account": "farm", "start_s": 2.0}
    return {
        "id": f"farm-{seed}-{number + 1}",
        "title": name,
        "story": "One computer of a farm.",
        "find": "The proxy that it goes through.",
        "begins": _BEGINS + timedelta(minutes=minutes),
        "seed": 1000 * seed + number,
        "drawn": True,
        "host": [{"name": name, "clock_error_s": error}],
        "account": [account],
        "signer": _SIGNERS,
        "server": [{"host": "*", "answer": "drop"}] if forgotten else [],
        "process": [{**process, "app_pool": "Portal", "work": [work]}],
    }


def write_farm(folder: Path, *, computers: int, seed: int, force: bool = False) -> list[Path]:
    """Write the log of each computer into a folder of its own below `evidence`, and `truth.json` beside it.

    Raises OutputError if one cannot be written.
    """
    made, truth = [], {}
    for one in draw_farm(computers, seed=seed):
        name = short_name(one.scenario.host[0].name)
        recording = record_scenario(one.scenario)
        place = folder / EVIDENCE / name / CHANNEL_FILE
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            message = f"{place.parent}: cannot be made ({err.strerror}); -o names another folder"
            raise OutputError(message, path=str(place.parent)) from err
        write_file(place, recording.files[CHANNEL_FILE], force=force)
        made.append(place)
        waited = sum(wait["wait_s"] for wait in json.loads(recording.truth)["waits"])
        truth[one.scenario.host[0].name] = {
            "forgotten": one.forgotten,
            "clock_error_s": one.clock_error_s,
            "wait_s": round(waited, 3),
        }
    write_file(folder / TRUTH, json.dumps({"seed": seed, "computers": truth}, indent=1).encode(), force=force)
    return [*made, folder / TRUTH]
