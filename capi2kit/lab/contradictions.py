"""Contradictions: what a scenario says that cannot be so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capi2kit.lab.scenario import (
    ANSWERS,
    FILE_FLAWS,
    FLAWS,
    RETRIEVALS,
    REVOCATIONS,
    SCHEMES,
    STATES,
    Scenario,
    callers,
    windows,
)

_ANSWERED = ("ok", "expired", "missing", "denied", "login", "page", "broken")  # the server answers; the rest never do


def find_contradiction(scenario: Scenario) -> str | None:
    """The first thing in a scenario that cannot be so, as `key: reason`, or None."""
    checks = (_negative, _twice, _dangling, _unknown_words, _impossible, _after)
    return next((wrong for check in checks for wrong in check(scenario)), None)


def _parts(scenario: Scenario) -> Iterator[tuple[str, object]]:
    for key in ("host", "account", "signer", "server", "cached", "process", "message"):
        for number, part in enumerate(getattr(scenario, key), 1):
            yield f"{key}[{number}]", part
            for inner, work in enumerate(getattr(part, "work", ()), 1):
                yield f"{key}[{number}].work[{inner}]", work


def _negative(scenario: Scenario) -> Iterator[str]:
    for where, part in _parts(scenario):
        for key, value in vars(part).items():
            if isinstance(value, float | int) and not isinstance(value, bool) and value < 0 and key != "clock_error_s":
                yield f"{where}.{key}: {value} is below zero"
            if key in ("repeat", "pid", "thread", "log_bytes", "addresses") and value == 0:
                yield f"{where}.{key}: must be at least 1"


def _twice(scenario: Scenario) -> Iterator[str]:
    listed: tuple[tuple[str, Iterable[str]], ...] = (
        ("host", [host.name for host in scenario.host]),
        ("account", [account.id for account in scenario.account]),
        ("signer", [signer.id for signer in scenario.signer]),
        ("process", [process.id for process in scenario.process]),
        ("process.pid", [f"{process.host} {process.pid}" for process in scenario.process]),
    )
    for key, values in listed:
        seen: set[str] = set()
        for value in values:
            if value in seen:
                yield f"{key}: {value.strip()!r} is there twice"
            seen.add(value)
    for key in ("host", "account", "signer", "process"):
        if not getattr(scenario, key):
            yield f"{key}: there must be at least one"


def _dangling(scenario: Scenario) -> Iterator[str]:
    hosts = {host.name for host in scenario.host} | ({""} if len(scenario.host) == 1 else set())
    accounts = {account.id for account in scenario.account}
    signers = {signer.id for signer in scenario.signer}
    for where, part in _parts(scenario):
        said = {
            "host": ([getattr(part, "host", "")] if where.startswith(("process", "message")) else [], hosts),
            "account": ([part.account] if hasattr(part, "account") else [], accounts),
            "accounts": (getattr(part, "accounts", ()), accounts),
            "signers": (getattr(part, "signers", ()), signers),
            "timestamp": (filter(None, [getattr(part, "timestamp", "")]), signers),
        }
        if ".work" in where:
            said.pop("host")
        for key, (wanted, known) in said.items():
            for name in wanted:
                if name not in known:
                    yield f"{where}.{key}: {name!r} is not among {', '.join(sorted(known))}"
        if hasattr(part, "signers") and not part.signers:
            yield f"{where}.signers: there must be at least one"


def _unknown_words(scenario: Scenario) -> Iterator[str]:
    known = {
        "windows": tuple(windows()),
        "caller": tuple(callers()),
        "answer": ANSWERS,
        "revocation": REVOCATIONS,
        "state": STATES,
        "scheme": SCHEMES,
        "retrievals": ("", *RETRIEVALS),
    }
    for where, part in _parts(scenario):
        for key, words in known.items():
            word = getattr(part, key, None)
            if word is not None and word not in words:
                yield f"{where}.{key}: {word!r} is not one of {', '.join(filter(None, words))}"
        flaws = FILE_FLAWS if ".work" in where else FLAWS
        if (flaw := getattr(part, "flaw", "")) not in flaws:
            yield f"{where}.flaw: {flaw!r} is not one of {', '.join(flaws[1:])}"


def _impossible(scenario: Scenario) -> Iterator[str]:
    if not 1980 <= scenario.begins.year <= 2100:
        yield f"begins: {scenario.begins.year} is not a year of a Windows log"
    if scenario.main_cause not in (scenario.causes or ("",)) and not scenario.drawn:
        yield f"main_cause: {scenario.main_cause!r} is not among causes"
    for cause in sorted({*scenario.causes} & {*scenario.not_causes}):
        yield f"causes: {cause!r} is also among not_causes"
    workers = any(host.has_workers for host in scenario.host)  # theirs may end after their callers gave up
    limit = max((_first_limit(work.caller) for process in scenario.process for work in process.work), default=20.0)
    for number, server in enumerate(scenario.server, 1):
        if server.answer in _ANSWERED and server.seconds > limit and not workers:
            yield (
                f"server[{number}].seconds: an answer after {server.seconds} s cannot be: no caller here waits longer "
                f"than {limit} s for one URL; write answer = 'drop' or fewer seconds"
            )
    for number, account in enumerate(scenario.account, 1):
        if account.wpad_s and account.proxy != "wpad":
            yield f"account[{number}].wpad_s: only an account with proxy = 'wpad' looks for one"
    for number, signer in enumerate(scenario.signer, 1):
        if signer.timestamp == signer.id:
            yield f"signer[{number}].timestamp: a signer cannot stamp its own time"
        if signer.self_signed and (signer.intermediate_missing or signer.timestamp):
            yield f"signer[{number}].self_signed: it has neither an intermediate nor a time stamp"
    for number, process in enumerate(scenario.process, 1):
        for inner, work in enumerate(process.work, 1):
            if callers()[work.caller].server and not work.server_name:
                yield f"process[{number}].work[{inner}].server_name: {work.caller} checks the name of a server"


def _after(scenario: Scenario) -> Iterator[str]:
    accounts, signers = {one.id for one in scenario.account}, {one.id for one in scenario.signer}
    for number, after in enumerate(scenario.after, 1):
        for key, wanted, known in (
            ("account", [way.id for way in after.account], accounts),
            ("installed", after.installed, signers),
            ("lists", after.lists, signers),
            ("unchecked", after.unchecked, {*callers()}),
            ("server", [one.answer for one in after.server], {*ANSWERS}),
        ):
            for name in wanted:
                if name not in known:
                    yield f"after[{number}].{key}: {name!r} is not among {', '.join(sorted(known))}"
        if after.limit_s < 0:
            yield f"after[{number}].limit_s: {after.limit_s} is below zero"


def _first_limit(caller: str) -> float:
    """The longest that a caller lets one retrieval take."""
    asked = callers()[caller]
    return asked.budget_s / 2 if asked.budget_s is not None else asked.limit_s or 0.0
