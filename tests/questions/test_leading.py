"""Leading: which finding an answer begins with, and which it names beside it; and over all scenarios, that it is the right one."""

import json

import pandas as pd
import pytest
import scenarios

import capi2kit as c2
from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.rules import rules
from capi2kit.questions.leading import causes_in, leading

# Where the log cannot tell the cause that the scenario was made with.
UNKNOWABLE = {
    "dotnet10-online": "no record names the version of .NET: that its new default asks online is possible, and not in the headline"
}


def named(text: str) -> list[str]:
    """The rules that are named, of findings one per line: rule, severity, certainty, aspect, seconds, waits, what it explains."""
    rows = []
    for line in text.strip().splitlines():
        rule, severity, certainty, aspect, cost, waits, *explains = line.split()
        row = {"rule": rule, "severity": severity, "certainty": certainty.replace("-", " "), "aspect": aspect}
        row |= {"cost_s": float(cost), "waits": waits.replace(",", " ").strip("-"), "explains": " ".join(explains)}
        rows.append(row | {"title": rule.upper(), "host": "A", "because": "", "evidence": "1", "fixes": ""})
    return [cause.rule for cause in leading(causes_in(shaped(pd.DataFrame(rows), "findings")))]


@pytest.mark.parametrize(
    ("findings", "rules_named"),
    [
        pytest.param("drops high likely answer 60 1,2", ["drops"], id="one"),
        pytest.param(
            "drops high likely answer 60 1,2\\nissuer high likely demand 60 1,2", ["drops", "issuer"],
            id="why no answer came, and why it was asked for",
        ),
        pytest.param(
            "drops high likely answer 60 1,2\\nservice high likely effect 60 1,2", ["service", "drops"],
            id="what failed comes before the reason",
        ),
        pytest.param(
            "drops high likely answer 60 1,2\\nchecks medium possible demand 60 1,2", ["drops"],
            id="what is only possible is not named with it",
        ),
        pytest.param(
            "drops high likely answer 60 1,2\\nproxy high likely answer 60 1,2 drops", ["proxy"],
            id="what is explained gives way",
        ),
        pytest.param(
            "drops high likely answer 60 1,2,3,4,5\\nproxy high likely answer 10 1,2 drops", ["drops"],
            id="but not for a part of its retrievals",
        ),
        pytest.param(
            "list high likely demand 2 1\\nrefused medium likely answer 176 2,3", ["refused"],
            id="much more time outweighs severity",
        ),
        pytest.param(
            "revoked high very-sure cause 0 -\\nslow medium likely answer 3 2,3", ["revoked"],
            id="what a record names is not outweighed by a little time",
        ),
        pytest.param(
            "list high likely demand 2 1\\nname medium very-sure cause 0 -", ["name"],
            id="a small cost that is deduced gives way to what a record names",
        ),
        pytest.param(
            "drops high possible answer 60 1\\nfiltered low likely evidence 0 -", ["drops", "filtered"],
            id="what the log lacks comes after a cause that is only possible",
        ),
        pytest.param(
            "observer low very-sure cause 0 -\\nunsigned benign very-sure cause 0 -", ["observer", "unsigned"],
            id="nothing urgent: what looks like an error is named, too",
        ),
    ],
)  # fmt: skip
def test_which_causes_are_named(findings, rules_named):
    assert named(findings.replace("\\n", "\n")) == rules_named


def test_findings_of_one_rule_are_one_cause():
    rows = [
        {"rule": "drops", "severity": severity, "certainty": sure, "aspect": "answer", "cost_s": 10.0, "waits": waits}
        | {"host": host, "title": "T", "because": sure, "evidence": waits, "fixes": "a b", "explains": ""}
        for severity, sure, host, waits in (("low", "likely", "A", "1 2"), ("high", "very sure", "B", "3"))
    ]
    (cause,) = causes_in(shaped(pd.DataFrame(rows), "findings"))
    assert (cause.severity, cause.certainty, cause.because) == (
        "high",
        "very sure",
        "very sure (the surest of 2 findings like it)",
    )
    assert (cause.hosts, cause.waits, cause.cost_s, cause.fixes) == (("A", "B"), frozenset({1, 2, 3}), 20.0, "a b")


@pytest.mark.parametrize("scenario", sorted(path.parent.name for path in scenarios.LAB.glob("*/truth.json")))
def test_the_headline_names_what_the_scenario_was_made_with(scenario):
    cause = json.loads((scenarios.LAB / scenario / "truth.json").read_text(encoding="utf-8"))["main_cause"]
    said = c2.headline(scenarios.analysed(scenario))
    titles = {rule.id: rule.title for rule in rules()}
    if not cause:
        assert said.startswith(("Healthy: ", "No known problem: ")), said
    elif scenario in UNKNOWABLE:
        assert titles[cause] not in said, "the log can tell it now: take it off the list"
    else:
        assert titles[cause] in said, said
