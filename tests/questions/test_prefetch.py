"""Prefetch: the fewest lists that save nearly all waiting; exact on small cases, nearly so on large ones."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import outlines
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenarios import analysed

from capi2kit.cli import main
from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.replay import Change, replay
from capi2kit.diagnosis.timeline import read_timeline
from capi2kit.questions import prefetch as module
from capi2kit.questions.prefetch import prefetch

LAB = Path(__file__).parents[2] / "datasets" / "lab"


def of(scenario: str, **more: float):
    analysis = analysed(scenario, None)
    return prefetch(analysis.spans, analysis.waits, **more)


def test_one_list_per_signer_is_worth_it():
    """SharePoint: each publisher's list, from one of its two servers, is enough; the list of roots is waited for once."""
    table = of("sharepoint-drop")
    assert table["file"].tolist() == [
        "FabrikamPublishingCA.crl", "TailspinCodeCA.crl", "ContosoCodeSigningCA2.crl", "NorthwindObjectCA.crl",
        "ProsewareObjectCA.crl", "LitwareSoftwareCA.crl", "WideWorldSigningCA.crl", "AdatumCodeCA1.crl", "authrootstl.cab",
    ]  # fmt: skip
    assert table["total_s"].iloc[-1] == pytest.approx(1400.2, abs=0.1)
    assert table["saved_s"].sum() == pytest.approx(table["total_s"].iloc[-1])
    assert of("sharepoint-drop", share=0.5)["file"].tolist() == table["file"].tolist()[:4]


def test_what_a_list_saves_depends_on_the_budget():
    """Both lists of a chain time out (10 s, 5 s): the signer's alone saves 5 s of each chain, that of its CA then 10 s."""
    table = of("fix-before").set_index("file")
    assert table.loc["FabrikamPublishingCA.crl", "saved_s"] == pytest.approx(3 * 5, abs=0.2)
    assert table.loc["FabrikamGlobalRoot.crl", "saved_s"] == pytest.approx(3 * 10, abs=0.2)


@pytest.mark.parametrize(
    "url",
    [
        "ldap:///CN=CA,CN=CDP,DC=contoso?certificateRevocationList",
        "file://srv/pki/ca.crl",
        "LDAP://dc/CN=CA?cACertificate",
    ],
)
def test_what_powershell_cannot_download_has_no_line_that_fetches_it(url):
    for role in ("CRL", "AIA"):
        lines = module._offline(role, url=url, file="ca")
        assert lines["fetch"] is None and "PowerShell cannot download it" in (lines["note"] or "")
        assert lines["install"] == "certutil -f -addstore CA 'ca'"


JUDGED = """
BuildChain                       0  10   each=15
  VerifyRevocation               0  10
    RetrieveObjectFromNetwork    0  10   url=http://crl.test/a.crl  result=80072EE2
BuildChain                      20  30   each=15
  VerifyRevocation              20  30
    RetrieveObjectFromNetwork   20  30   url=http://crl.test/b.crl  result=80072EE2
"""


def test_no_list_is_promised_where_the_list_of_distrusted_certificates_judges():
    analysis = outlines.analysed(JUDGED)
    first = analysis.spans.loc[analysis.spans["operation"] == "BuildChain", "stop_event"].iloc[0]
    row = pd.DataFrame({"event": [first], "list_judged": [True]})
    chain = shaped(row, "chain")
    urls = [
        prefetch(analysis.spans, analysis.waits, chain=one)["url"].tolist() for one in (None, chain, chain.iloc[:0])
    ]
    assert urls == [["http://crl.test/a.crl", "http://crl.test/b.crl"], ["http://crl.test/b.crl"], urls[0]]


class Cover:
    """What `_Savings` tells, of sets instead of waits."""

    def __init__(self, sets: list[set[int]]) -> None:
        self.sets = sets

    def __call__(self, objects) -> float:
        return float(len(set().union(*(self.sets[i] for i in objects))))

    def gain(self, one, have) -> float:
        return self([*have, one]) - self(have)

    def loss(self, one, have) -> float:
        return self(have) - self([i for i in have if i != one])

    def near(self, one) -> frozenset[int]:
        return frozenset()


@given(st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=7), st.floats(0.2, 1.0))
def test_the_exact_choice_is_the_smallest_and_the_greedy_one_is_close(sets, share):
    """Cover: object i saves the seconds in its set; two objects save what is in either."""
    saved = Cover(sets)
    goal = share * saved(range(len(sets))) - 1e-9
    exact, greedy = (choose(len(sets), saved, goal=goal) for choose in (module._exact, module._greedy))
    assert saved(exact) >= goal and saved(greedy) >= goal
    smaller = [some for size in range(len(exact)) for some in combinations(range(len(sets)), size)]
    assert all(saved(some) < goal for some in smaller)
    assert len(exact) <= len(greedy) <= len(exact) + 2


@pytest.mark.parametrize("scenario", ["fix-before", "sharepoint-drop", "dotnet-per-url", "missing-intermediate"])
def test_greedy_is_optimal_on_the_lab(scenario, monkeypatch):
    exact = of(scenario)
    monkeypatch.setattr(module, "EXACT", 0)
    assert set(of(scenario)["url"]) == set(exact["url"])


@pytest.mark.parametrize("scenario", ["fix-before", "sharepoint-drop", "dotnet-per-url", "farm-proxy-drift"])
def test_the_waits_of_groups_add_up_to_those_of_the_whole(scenario):
    analysis = analysed(scenario, None)
    timeline = read_timeline(analysis.spans, analysis.waits)
    urls = analysis.waits["url"].iloc[timeline.wait].tolist()
    number = {url: i for i, url in enumerate(dict.fromkeys(urls))}
    saved = module._Savings(timeline, [number[url] for url in urls], count=len(number))
    for objects in ([0], [0, 1], list(number.values())):
        changes = [Change("found") if number[url] in objects else None for url in urls]
        new = replay(timeline, changes)
        assert saved(objects) == pytest.approx((timeline.length.best - new).sum())
        assert saved.gain(objects[0], objects[1:]) == pytest.approx(saved(objects) - saved(objects[1:]))
        assert saved.loss(objects[0], objects) == pytest.approx(saved(objects) - saved(objects[1:]))


def test_commands_cannot_be_broken_out_of():
    lines = module._offline("CRL", url="http://x/a'; calc.exe; '.crl", file="a'; calc.exe; '.crl")
    assert lines["fetch"] == "Invoke-WebRequest 'http://x/a%27;%20calc.exe;%20%27.crl' -OutFile 'a___calc.exe___.crl'"
    typographic = module._offline(
        "CRL", url="http://x/a’; calc; ‘.crl", file="a.crl"
    )  # PowerShell takes them for quotes
    assert "’" not in typographic["fetch"] and "‘" not in typographic["fetch"]
    assert module._offline("OCSP", url="http://x", file="ocsp")["install"] is None


def test_a_share_of_nothing_is_refused(capsys):
    with pytest.raises(ValueError, match="share is 0"):
        of("fix-before", share=0)
    with pytest.raises(SystemExit) as stopped:
        main(["prefetch", str(LAB / "fix-before"), "--share", "0"])
    assert stopped.value.code == 2


def test_the_verb_prints_the_commands(capsys):
    main(["prefetch", str(LAB / "fix-before")])
    printed = capsys.readouterr().out
    assert "Invoke-WebRequest 'http://crl.contoso.example/pki/ContosoRootAuthority.crl'" in printed
    assert "certutil -f -addstore CA 'ContosoRootAuthority.crl'" in printed and "before its NextUpdate" in printed
    main(["prefetch", str(LAB / "healthy-warm")])
    assert "Invoke-WebRequest" not in capsys.readouterr().out
