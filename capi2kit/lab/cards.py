"""Cards: the page that goes with each scenario's files: what happened, how it was made, and questions for teaching."""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from capi2kit.lab.scenario import LAB, Scenario

Truth = dict[str, Any]
LEVELS = ("Easy", "Medium", "Hard")


def write_card(scenario: Scenario, truth: Truth, *, files: list[tuple[str, int, str]], packed: str) -> str:
    """The card as Markdown. `files`: name, bytes and SHA-256 of each; `packed`: the archive they are in, or nothing."""
    import jinja2

    card = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=True)
    facts = {
        "id": scenario.id,
        "seed": scenario.seed,
        "title": scenario.title,
        "story": scenario.story.strip(),
        "find": scenario.find.strip(),
        "causes": scenario.causes,
        "not_causes": scenario.not_causes,
        "hosts": truth["hosts"],
        "questions": ask(truth),
        "files": files,
        "packed": packed,
    }
    return card.from_string((LAB / "card.md.j2").read_text(encoding="utf-8")).render(facts)


def ask(truth: Truth) -> list[dict[str, str]]:
    """An easy, a medium and a hard question with their answers, computed from the truth."""
    facts = _facts(truth)
    asked = tomllib.loads((LAB / "questions.toml").read_text(encoding="utf-8"))["question"]
    chosen = [
        next(one for one in asked if one["level"] == level and (not one.get("needs") or facts[one["needs"]]))
        for level in LEVELS
    ]
    return [
        {"level": one["level"], "text": one["text"].format(**facts), "answer": one["answer"].format(**facts)}
        for one in chosen
    ]


def _facts(truth: Truth) -> dict[str, Any]:
    """What questions and answers are about. Empty where the story has no such thing."""
    waits = [wait for wait in truth["waits"] if wait["record"] is not None]
    facts: dict[str, Any] = {"waits": len(waits), "startups": len(truth["startups"])}
    columns = truth["operations"]["columns"]
    operations = [dict(zip(columns, row, strict=True)) for row in truth["operations"]["rows"]]
    chains = [one["duration_s"] for one in operations if one["operation"] == "BuildChain"]
    facts |= {"chains": len(chains), "longest_chain_s": f"{max(chains, default=0):.3f}"}
    names = Counter(one["operation"] for one in operations)
    facts["operations"] = ", ".join(f"{count} × {name}" for name, count in names.most_common())
    whole = all(startup["in_log"] for startup in truth["startups"])
    facts["late"] = bool(waits) and whole and all(host["starts"] == "late" for host in truth["hosts"])
    facts["records"] = sum(host["records"] for host in truth["hosts"])
    return facts | _facts_of_waits(waits) | _facts_of_startup(truth)


def _facts_of_waits(waits: list[dict[str, Any]]) -> dict[str, Any]:
    if not waits:
        return {}
    host, count = Counter(urlsplit(wait["url"]).hostname for wait in waits).most_common(1)[0]
    longest = max(waits, key=lambda wait: wait["wait_s"])
    return {
        "logged": len(waits),
        "failed": sum(wait["result"] != "00000000" for wait in waits),
        "busiest_host": host,
        "busiest_count": count,
        "longest_s": f"{longest['wait_s']:.3f}",
        "longest_account": longest["user_sid"],
        "longest_url": longest["url"],
        "longest_limit_s": f"{longest['limit_s']:.3f}",
    }


def _facts_of_startup(truth: Truth) -> dict[str, Any]:
    """The start-up that waited longest, or the first thing that a process did."""
    startups = truth["startups"] or [{"process": "the program", "pid": "", "wall_s": 0.0, "waiting_s": 0.0}]
    worst = max(startups, key=lambda one: (one["waiting_s"], one["wall_s"]))
    wall, waiting = worst["wall_s"], worst["waiting_s"]
    return {
        "waiting": waiting > 0 and worst["in_log"],
        "cut": not worst.get("in_log", True),
        "process": worst["process"],
        "pid": worst["pid"],
        "wall_s": f"{wall:.2f}",
        "waiting_s": f"{waiting:.2f}",
        "rest_s": f"{wall - waiting:.2f}",
        "share": f"{100 * waiting / wall:.0f}" if wall else "0",
        "startup_waits": worst.get("waits", 0),
        "targets": worst.get("targets", 0),
    }
