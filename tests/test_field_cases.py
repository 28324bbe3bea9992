"""Small inputs as people post them, and the right answer to each: what is read, what is found, what to do first.

The files are made after public reports; names, hosts, SIDs and times are invented. Each stands for its whole kind.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.diagnosis.rules import rules

CASES = Path(__file__).parent / "field_cases"


@cache
def analysis(name: str) -> c2.Analysis:
    return c2.analyse(c2.load(CASES / name))


def finding(name: str, rule: str) -> pd.Series:
    found = analysis(name).findings.set_index("rule")
    assert rule in found.index, list(found.index)
    return found.loc[rule]


# file, finding, certainty, words that the finding or its inference holds, first remedy

ANSWERS = [
    ("k03-urlfetch-failed-timeout.txt", "certutil-no-answer", "very sure", ["issuing1.crl", "15 s", "WINHTTP_TIMEOUT"], "allow-pki-hosts"),
    ("k03-verify-partial-chain.txt", "certutil-chain-incomplete", "very sure", ["CN=dc-prime.", "CERT_E_CHAINING"], "install-intermediate"),
    ("k04-4107-without-log-name.txt", "root-list-expired", "very sure", ["SRV01", "old copy", "clock is wrong"], "set-the-clock"),
    ("k04-513-without-log-name.txt", "backup-noise", "very sure", ["System Writer", "nothing to do with certificates"], ""),
    ("k05-257-catalog-1216.txt", "catalog-damaged", "very sure", ["catalog database"], "rebuild-the-catalog"),
    ("k05-4099-root-list-timeout.txt", "root-list-not-fetched", "very sure", ["ERROR_WINHTTP_TIMEOUT", "ctldl."], "allow-pki-hosts"),
    ("k05-4104-root-list-unreachable.txt", "root-list-not-fetched", "very sure", ["ERROR_NOT_CONNECTED"], "allow-pki-hosts"),
    ("k05-capi2-8-vista.txt", "root-list-not-fetched", "very sure", ["ERROR_TIMEOUT"], "allow-pki-hosts"),
    ("k05-4107-german.txt", "root-list-expired", "very sure", ["SRV01"], "set-the-clock"),
    ("k06-8321-general-tab.txt", "sts-validation-slow", "likely", ["15.0 s", "KB2625048"], "install-sharepoint-root"),
    ("k06-8321-uls-two-lines.txt", "sts-validation-slow", "likely", ["2 certificate validations", "15.0 s"], "install-sharepoint-root"),
    ("k09-two-53-2EFD-no-duration.xml", "could-not-connect", "likely", ["CANNOT_CONNECT", "the elapsed time"], "allow-pki-hosts"),
    ("k09-two-53-407-no-headers.xml", "proxy-authentication", "likely", ["credentials", "407"], "proxy-exception-for-pki-hosts"),
    ("k11-single-53-timeout.xml", "firewall-drops", "possible", ["1 retrieval on SRV01 ended at its"], "allow-pki-hosts"),
    ("k12-30-partial-chain.xml", "chain-not-sent", "very sure", ["CERT_E_CHAINING", "intermediate"], "send-the-chain"),
    ("k12-30-untrusted-root.xml", "policy-untrusted-root", "very sure", ["CERT_E_UNTRUSTEDROOT", "not installed"], "replace-certificate"),
    ("k13-42-crl-signer-purpose.xml", "list-rejected", "likely", ["Contoso Linux CA", "CRL signing"], "ca-with-crl-sign"),
    ("k18-513-benign-but-failed.txt", "backup-noise", "very sure", ["no failed backup is in this evidence"], ""),
    ("k19-inspection-no-cdp-final-80092012.xml", "refused-without-a-list", "likely", ["github.com", "final"], "exempt-from-inspection"),
    ("k20-kdc-21.txt", "smart-card-logon-failed", "very sure", ["INTRA\\rudi", "CRYPT_E_REVOCATION_OFFLINE"], "report-to-authority"),
    ("k20-rasclient-20227.txt", "vpn-failed", "very sure", ["CRYPT_E_REVOCATION_OFFLINE", "only be reached inside"], "publish-cdp"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rule", "certainty", "words", "remedy"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_a_case_from_the_field_gets_its_right_answer(name, rule, certainty, words, remedy):
    found = finding(name, rule)
    text = f"{found['finding']}; {found['inferred']}"
    assert [word for word in words if word not in text] == [], text
    assert found["certainty"] == certainty and found["because"]
    assert found["fixes"].split()[:1] == ([remedy] if remedy else [])


@pytest.mark.parametrize("case", [(rule, case) for rule in rules() for case in rule.cases], ids=lambda one: one[0].id)
def test_a_rule_fires_on_the_texts_that_its_proof_names(case):
    rule, name = case
    assert rule.id in set(analysis(name).findings["rule"])


def test_the_log_of_an_event_is_known_where_only_one_can_have_it():
    for name in ("k04-4107-without-log-name.txt", "k04-513-without-log-name.txt"):
        assert analysis(name).case.events["channel"].tolist() == ["Application"]
    assert analysis("k05-257-catalog-1216.txt").case.events["database_error"].tolist() == [-1216]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("k20-kdc-21.txt", ("SmartCardLogonFailed", 0x80092013, "INTRA\\rudi")),
        ("k20-rasclient-20227.txt", ("VpnFailed", 0x80092013, "CONTOSO\\rudi")),
    ],
)
def test_what_was_checked_and_the_code_are_columns(name, names):
    assert tuple(analysis(name).case.events.reset_index()[["operation", "result", "user_name"]].iloc[0]) == names


def test_single_records_name_a_possible_cause_first_and_ask_for_a_whole_log_second(capsys):
    found = analysis("k11-single-53-timeout.xml").findings
    assert found["rule"].tolist() == ["firewall-drops", "excerpt"]
    assert found["certainty"].iloc[0] == "possible" and "only one record" in found["because"].iloc[0]
    assert found["fixes"].iloc[1] == "enlarge-the-log"
    main(["summary", str(CASES / "k11-single-53-timeout.xml")])
    assert "filtered when it was exported" not in capsys.readouterr().out  # nobody exported anything


def test_a_url_that_certutil_could_not_fetch_is_on_the_first_screen(capsys):
    main(["summary", str(CASES / "k03-urlfetch-failed-timeout.txt")])
    first = " ".join(capsys.readouterr().out.split("\n")[:24])
    assert "issuing1.crl" in first and "ERROR_WINHTTP_TIMEOUT" in first and "15 s" in first


def test_one_record_has_one_verdict_on_the_whole_page(capsys):
    main(["summary", str(CASES / "k18-513-benign-but-failed.txt")])
    page = capsys.readouterr().out
    assert "No certificate problem" in page and "1 failed" not in page
