"""Small inputs as people post them, and the right answer to each: what is read, what is found, what to do first.

The files are made after public reports; names, hosts, SIDs and times are invented. Each stands for its whole kind.
"""

from __future__ import annotations

import re
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
    ("elided_event11_is_three.txt", "revoked-in-excerpt", "very sure", ["Teams.exe", "CRYPT_E_REVOKED"], "treat-as-incident"),
    ("eventlogexpert_event30.txt", "policy-untrusted-root", "very sure", ["HOST1", "CERT_E_UNTRUSTEDROOT"], "replace-certificate"),
    ("fenced_event_without_system.txt", "policy-chain-incomplete", "very sure", ["vs_setup", "CERT_E_CHAINING"], "install-intermediate"),
    ("k01-copyform-one-event.txt", "firewall-drops", "possible", ["1 retrieval on SRV01", "15.0 s"], "allow-pki-hosts"),
    ("k01-copyform-two-events.txt", "firewall-drops", "possible", ["2 retrievals on SRV01", "30.0 s"], "allow-pki-hosts"),
    ("k02-mixed-4107-and-urlcache.txt", "root-list-expired", "very sure", ["SRV01"], "purge-url-cache"),
    ("k02-mixed-6273-and-certutil-fragment.txt", "nps-denied", "very sure", ["NPS01", "reason 258"], "allow-pki-hosts"),
    ("k02-mixed-xml-certutil-netsh.txt", "certutil-no-answer", "very sure", ["issuing1.crl", "15 s"], "allow-pki-hosts"),
    ("certutil-revoked.txt", "certutil-revoked", "very sure", ["CN=vpn.contoso.example", "superseded"], "replace-certificate"),
    ("certutil-expired.txt", "certutil-refused", "very sure", ["CN=web.contoso.example", "CERT_E_EXPIRED"], "replace-certificate"),
    ("certutil-fragment.txt", "certutil-untrusted-root", "very sure", ["CN=Contoso Root CA", "UNTRUSTEDROOT"], "install-root"),
    ("certutil-tail.txt", "certutil-untrusted-root", "very sure", ["an unnamed certificate", "UNTRUSTEDROOT"], "install-root"),
    ("certutil-tail.txt", "certutil-revoked", "very sure", ["key compromise"], "replace-certificate"),
    ("certutil-tail.txt", "certutil-unchecked", "very sure", ["CRYPT_E_NO_REVOCATION_CHECK"], "allow-pki-hosts"),
    ("certutil-spanish.txt", "certutil-list-expired", "very sure", ["pki.contoso.example"], "report-to-authority"),
    ("certutil-no-name.txt", "certutil-no-name", "very sure", ["pki.contoso.example", "NAME_NOT_RESOLVED"], "machine-proxy"),
    ("certutil-no-name.txt", "certutil-no-connection", "very sure", ["crl.contoso.example", "CANNOT_CONNECT"], "allow-pki-hosts"),
    ("certutil-no-name.txt", "certutil-cannot-fetch", "very sure", ["ca01.contoso.example", "BAD_NETPATH"], "publish-cdp"),
    ("k03-urlfetch-failed-timeout.txt", "certutil-no-answer", "very sure", ["issuing1.crl", "15 s", "WINHTTP_TIMEOUT"], "allow-pki-hosts"),
    ("k03-verify-partial-chain.txt", "certutil-chain-incomplete", "very sure", ["CN=dc-prime.", "CERT_E_CHAINING"], "install-intermediate"),
    ("k04-4107-without-log-name.txt", "root-list-expired", "very sure", ["SRV01", "old copy", "clock is wrong"], "purge-url-cache"),
    ("k04-513-without-log-name.txt", "backup-noise", "very sure", ["System Writer", "nothing to do with certificates"], ""),
    ("k05-257-catalog-1216.txt", "catalog-damaged", "very sure", ["catalog database"], "rebuild-the-catalog"),
    ("k05-4099-root-list-timeout.txt", "root-list-not-fetched", "very sure", ["ERROR_WINHTTP_TIMEOUT", "ctldl."], "allow-pki-hosts"),
    ("k05-4104-root-list-unreachable.txt", "root-list-not-fetched", "very sure", ["ERROR_NOT_CONNECTED"], "allow-pki-hosts"),
    ("k05-capi2-8-vista.txt", "root-list-not-fetched", "very sure", ["ERROR_TIMEOUT"], "allow-pki-hosts"),
    ("k05-4107-german.txt", "root-list-expired", "very sure", ["SRV01"], "purge-url-cache"),
    ("k06-8321-general-tab.txt", "sts-validation-slow", "likely", ["15.0 s", "KB2625048"], "install-sharepoint-root"),
    ("k06-8321-uls-two-lines.txt", "sts-validation-slow", "likely", ["2 certificate validations", "15.0 s"], "install-sharepoint-root"),
    ("k09-two-53-2EFD-no-duration.xml", "could-not-connect", "likely", ["CANNOT_CONNECT", "the elapsed time"], "allow-pki-hosts"),
    ("k09-two-53-407-no-headers.xml", "proxy-authentication", "likely", ["credentials", "407"], "proxy-exception-for-pki-hosts"),
    ("k11-single-53-timeout.xml", "firewall-drops", "possible", ["1 retrieval on SRV01 ended at its"], "allow-pki-hosts"),
    ("single-53-secure-failure.xml", "fetch-failed-in-excerpt", "likely", ["SRV01", "SECURE_FAILURE"], "proxy-exception-for-pki-hosts"),
    ("single-53-responder-name.xml", "name-not-resolved", "possible", ["ocsp.contoso.example"], "machine-proxy"),
    ("k12-30-partial-chain.xml", "chain-not-sent", "very sure", ["CERT_E_CHAINING", "intermediate"], "send-the-chain"),
    ("k12-30-untrusted-root.xml", "policy-untrusted-root", "very sure", ["CERT_E_UNTRUSTEDROOT", "not installed"], "replace-certificate"),
    ("k13-42-crl-signer-purpose.xml", "list-rejected", "likely", ["Contoso Linux CA", "CRL signing"], "ca-with-crl-sign"),
    ("k14-verify-after-prose.txt", "certutil-chain-incomplete", "very sure", ["CN=DC-PRIME.", "CERT_E_CHAINING"], "install-intermediate"),
    ("k15-nt5-crypt32-8.txt", "root-list-not-fetched", "very sure", ["ERROR_TIMEOUT"], "allow-pki-hosts"),
    ("k16-4107-french.txt", "root-list-expired", "very sure", ["SRV01.contoso.example"], "purge-url-cache"),
    ("k16-schannel-36876-russian.txt", "tls-server-offline", "very sure", ["SRV01", "CRYPT_E_REVOCATION_OFFLINE"], "allow-pki-hosts"),
    ("k18-513-benign-but-failed.txt", "backup-noise", "very sure", ["no failed backup is in this evidence"], ""),
    ("k19-inspection-no-cdp-final-80092012.xml", "refused-without-a-list", "likely", ["github.com", "final"], "exempt-from-inspection"),
    ("k20-kdc-21.txt", "smart-card-logon-failed", "very sure", ["INTRA\\rudi", "CRYPT_E_REVOCATION_OFFLINE"], "report-to-authority"),
    ("schannel-36870.txt", "tls-key-unusable", "very sure", ["SRV01", "UNKNOWN_CREDENTIALS"], "key-permissions"),
    ("schannel-prose.txt", "tls-key-unusable", "very sure", ["1 time", "UNKNOWN_CREDENTIALS"], "key-permissions"),
    ("nps-6273-message-alone.txt", "nps-denied", "very sure", ["reason 259", "REVOCATION_OFFLINE"], "allow-pki-hosts"),
    ("rasclient-13801.txt", "vpn-ike-certificate", "very sure", ["SRV01", "IKE_AUTH_FAIL", "13801"], "replace-certificate"),
    ("certsvc-100-list.txt", "ca-not-started", "very sure", ["Contoso Issuing CA 1", "REVOCATION_OFFLINE"], "republish-root-crl"),
    ("details-left-out.txt", "details-left-out", "likely", ["2 records of SRV01", "no URL"], "export-the-details"),
    ("257-access-denied.txt", "catalog-not-opened", "very sure", ["SRV01", "-1032", "another program"], "rebuild-the-catalog"),
    ("elided-system-11.txt", "untrusted-root-in-excerpt", "likely", ["SRV01", "*.contoso.example"], "install-root"),
    ("4107-inside-a-line.txt", "root-list-expired", "very sure", ["1 time", "validity period"], "purge-url-cache"),
    ("nps-265.txt", "nps-untrusted-root", "very sure", ["reason 265"], "install-root"),
    ("nps-268.txt", "nps-client-certificate", "very sure", ["reason 268"], "enrol-certificate"),
    ("nps-269.txt", "nps-no-agreement", "very sure", ["reason 269", "None of these says"], "look-at-eap"),
    ("nps-295.txt", "nps-not-in-ntauth", "very sure", ["reason 295", "NTAuth"], "publish-to-ntauth"),
    ("kdc-21-ntauth.txt", "smart-card-not-in-ntauth", "very sure", ["CERT_E_UNTRUSTEDCA", "NTAuth"], "publish-to-ntauth"),
    ("kdc-21-expired.txt", "smart-card-certificate", "very sure", ["CERT_E_EXPIRED"], "enrol-certificate"),
    ("rasclient-13806.txt", "vpn-no-client-certificate", "very sure", ["IKE_NO_CERT"], "enrol-certificate"),
    ("certsvc-58.txt", "ca-certificate-expired", "very sure", ["CERT_E_EXPIRED"], "renew-ca-certificate"),
    ("certsvc-65-denied.txt", "crl-publish-denied", "very sure", ["2 times", "ACCESS_DENIED"], "ca-publish-rights"),
    ("schannel-36886.txt", "tls-no-default-certificate", "very sure", ["1 record", "LDAPS"], "enrol-certificate"),
    ("4107-file-not-found.txt", "root-list-not-stored", "very sure", ["FILE_NOT_FOUND"], "purge-url-cache"),
    ("11-issuer-expired.html", "issuer-expired-in-excerpt", "likely", ["R3", "DST Root CA X3"], "send-the-chain"),
    ("schannel-36887-unknown-ca.txt", "tls-peer-refuses", "very sure", ["alert 48", "does not know the authority"], "send-the-chain"),
    ("cut-in-one-line.xml", "could-not-connect", "likely", ["1 connection from APP33"], "allow-pki-hosts"),
    ("4110-access-denied.txt", "root-not-added", "very sure", ["ACCESS_DENIED"], "install-root"),
    ("format-table-of-a-log.txt", "details-left-out", "very sure", ["4 records", "no URL"], "export-the-details"),
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


# file, events, cache entries, verifications, settings, what nobody understood, and how many lines with something on them it has

READ = [
    ("elided_event11_is_three.txt", 1, 0, 0, 0, ["line 1"], 1),
    ("eventlogexpert_event30.txt", 1, 0, 0, 0, ["line 1"], 1),
    ("fenced_event_without_system.txt", 1, 0, 0, 0, ["line 1"], 1),
    ("k01-copyform-one-event.txt", 1, 0, 0, 0, [], 0),
    ("k01-copyform-two-events.txt", 2, 0, 0, 0, [], 0),
    ("k02-mixed-4107-and-urlcache.txt", 1, 1, 0, 0, [], 0),
    ("k02-mixed-6273-and-certutil-fragment.txt", 1, 1, 0, 0, [], 0),
    ("k02-mixed-xml-certutil-netsh.txt", 1, 3, 1, 1, [], 0),
    ("k10-friendly-indent-lost.txt", 1, 0, 0, 0, [], 0),
    ("k14-regquery-after-prose.txt", 0, 0, 0, 2, ["lines 1\u20133"], 3),
    ("k14-urlfetch-fragment.txt", 0, 3, 0, 0, [], 0),
    ("k14-verify-after-prose.txt", 0, 0, 1, 0, ["lines 1\u20139"], 6),
    ("k17-no-urls-other-language.txt", 0, 3, 1, 0, [], 0),
]


@pytest.mark.parametrize("row", READ, ids=[row[0] for row in READ])
def test_every_block_goes_to_its_loader_and_what_is_left_is_reported(row):
    name, *counts, unread, lines = row
    case = analysis(name).case
    assert [len(case.events), len(case.cache_entries), len(case.verifications), len(case.settings)] == counts
    said = case.problems.loc[case.problems["error"] == "not understood", "message"]
    assert [text.partition(" w")[0] for text in said] == unread
    assert case.sources["units"].iloc[0] - case.sources["understood"].iloc[0] == lines


def test_a_heading_and_its_xml_tell_the_zone_of_the_computer():
    case = analysis("k01-copyform-one-event.txt").case
    event = case.events.reset_index().iloc[0]
    assert event["time"] == pd.Timestamp("2024-09-13T05:55:33.0809929Z")  # that of the XML
    assert (event["result"], event["record"], event["zone_name"]) == (12002, 44, "-120 UTC+02:00")
    mixed = analysis("k02-mixed-xml-certutil-netsh.txt").case
    assert mixed.certificates["not_before"].tolist() == [pd.Timestamp("2022-09-09T08:34Z")]  # printed as 10:34 AM


def test_words_in_the_place_of_numbers_and_elements_in_the_place_of_attributes_are_read():
    event = analysis("eventlogexpert_event30.txt").case.events.reset_index().iloc[0]
    names = ["event_id", "level", "pid", "tid", "activity_id", "category", "record"]
    assert event[names].tolist() == [
        30,
        2,
        992,
        14768,
        "46B1BEF8-11CB-4A5F-8425-BDF04FBD7A31",
        "Verify Chain Policy",
        1478,
    ]


@pytest.mark.parametrize(
    "line",
    [line for line in (CASES / "k07-explain.tsv").read_text(encoding="utf-8").splitlines() if not line.startswith("#")],
)
def test_what_people_ask_about_is_explained(line, capsys):
    asked, names, _ = line.split("\t")
    assert not main(["explain", *([asked] if "(" in asked else asked.split())])
    said = " ".join(capsys.readouterr().out.split())
    wanted = re.findall(r"[A-Z]{3,}_[A-Z_]{4,}", names)
    assert [name for name in wanted if name not in said] == []
    assert wanted or "remote server" in said or "CERT_TRUST_REVOCATION_STATUS_UNKNOWN" in said


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


def test_a_message_without_a_heading_is_an_event_and_one_inside_a_sentence_is_not():
    events = analysis("schannel-prose.txt").case.events
    assert events["event_id"].tolist() == [36870, 36888]  # not what "says the other side"
    assert events["channel"].tolist() == ["System", "System"] and events["level"].tolist() == [2, 2]
    (note,) = analysis("schannel-prose.txt").case.problems.loc[lambda rows: rows["error"] == "pasted event", "message"]
    assert "its message, and the line above it, say which event it is" in note
    (note,) = analysis("nps-6273-message-alone.txt").case.problems.loc[
        lambda rows: rows["error"] == "pasted event", "message"
    ]
    assert "only its message is there" in note


def test_a_message_below_the_row_of_its_event_is_no_second_event():
    case = analysis("schannel-in-a-table.md").case
    assert case.events["event_id"].tolist() == [36882] and case.events["host"].tolist() == ["SRV01.contoso.example"]
    assert case.sources["lost"].tolist() == [0]
