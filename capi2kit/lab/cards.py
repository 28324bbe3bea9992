"""Cards: the page that goes with each scenario's files: what happened, how it was made, and questions for teaching."""

from __future__ import annotations

from capi2kit.lab.cases import case_of
from capi2kit.lab.facts import Truth
from capi2kit.lab.questions import questions_of
from capi2kit.lab.scenario import LAB, Scenario

LETTERS = "abcde"  # of the answers to choose from


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
        "case": case_of(scenario.id),
        "letters": LETTERS,
        "questions": questions_of(truth, find=scenario.find),
        "files": files,
        "packed": packed,
    }
    return card.from_string((LAB / "card.md.j2").read_text(encoding="utf-8")).render(facts)
