"""Answer: what an analysis comes down to: causes with their cost of one start-up, the first remedy and what it saves."""

import pytest
import scenarios
from outlines import analysed

from capi2kit.analysis import answer_of
from capi2kit.questions.answer import HARMLESS, MINOR, NOTHING, WELL, WRONG

TWO = r"""
VerifyTrust                       0     21  target=C:\a.dll  process=first.exe  pid=1
  BuildChain                      0     20  budget=20
    VerifyRevocation              0     20
      RetrieveObjectFromNetwork   0     10  url=http://crl.test/a  result=800705B4
      RetrieveObjectFromNetwork  10     15  url=http://crl.test/b  result=800705B4
VerifyTrust                       0     11  target=C:\b.dll  process=second.exe  pid=2
  BuildChain                      0     11  budget=20
    VerifyRevocation              0     10
      RetrieveObjectFromNetwork   0     10  url=http://crl.test/c  result=800705B4
"""


@pytest.mark.parametrize(
    ("scenario", "verdict", "named", "first"),
    [
        ("fix-before", WRONG, 1, "allow-pki-hosts"),
        ("service-missed-start", WRONG, 2, "allow-pki-hosts"),
        ("key-used", MINOR, 1, None),
        ("consent-cache-only", HARMLESS, 1, None),
        ("healthy-warm", WELL, 0, None),
    ],
)
def test_the_verdict_and_the_first_remedy(scenario, verdict, named, first):
    found = answer_of(scenarios.analysed(scenario))
    assert (found.verdict, found.named, found.first and found.first.id) == (verdict, named, first)


def test_where_no_operation_is_there_is_nothing_to_time():
    found = answer_of(analysed("VerifyTrust 0 1 task=none"))
    assert (found.verdict, found.charges, found.startup) == (NOTHING, (), None)


def test_a_cause_costs_the_start_up_that_it_costs_most_each_moment_once():
    found = answer_of(analysed(TWO))
    (drops,) = [one for one in found.charges if one.cause.rule == "firewall-drops"]
    assert drops.startup["process"] == "first.exe" == found.startup["process"]
    assert drops.here_s == pytest.approx(15, abs=0.1) and drops.cause.cost_s == pytest.approx(25, abs=0.1)
    assert drops.least_s <= drops.here_s <= drops.most_s <= drops.startup["wall_s"]


def test_no_cause_costs_more_than_the_start_took():
    for scenario in ("sharepoint-drop", "no-dns", "proxy-denies-all", "farm-proxy-drift", "three-addresses"):
        for charge in answer_of(scenarios.analysed(scenario)).charges:
            if charge.startup:
                assert 0 <= charge.least_s <= charge.here_s <= charge.most_s <= charge.startup["wall_s"] + 1e-6


def test_causes_that_look_at_the_same_retrievals_say_so():
    found = answer_of(scenarios.analysed("sts-root-missing"))
    shares = {one.cause.rule: one.shares for one in found.charges}
    assert not shares["firewall-drops"] and shares["sts-root-missing"] and shares["root-list-unreachable"]


def test_what_the_first_remedy_saves_is_of_the_start_up_that_is_meant():
    found = answer_of(scenarios.analysed("fix-before"))
    assert found.effect["fix"] == "allow-pki-hosts" and found.effect["startup"] == found.startup["startup"]
    assert set(found.effects["startup"]) == {found.startup["startup"]}
    assert found.effect["wall_after_s"] == pytest.approx(found.startup["wall_s"] - found.effect["saved_s"])


def test_without_effects_nothing_is_replayed():
    analysis = scenarios.analysed("fix-before")
    assert answer_of(analysis, effects=False).effects.empty and answer_of(analysis, effects=False).effect is None
