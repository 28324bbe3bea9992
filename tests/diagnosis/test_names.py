"""Names: computers, servers, ports, accounts and files that a finding is about."""

import pandas as pd
import pytest
from outlines import analysed

import capi2kit as c2
from capi2kit.diagnosis.names import merged, names_in

OUTLINE = """
VerifyTrust                       0    40   target=C:\\app\\a.dll
  BuildChain                      0    40   each=15
    RetrieveObjectFromNetwork     0    15   url=http://crl.test/a.crl  result=80072EE2
    RetrieveObjectFromNetwork    15    30   url=http://b.test:8080/b.crl  result=80072EE2
VerifyTrust                      40    80   target=C:\\app\\b.dll
  BuildChain                     40    80   each=15
    RetrieveObjectFromNetwork    40    55   url=http://crl.test/c.crl  result=80072EE2
"""


def test_a_finding_names_what_it_is_about():
    findings = analysed(OUTLINE).findings
    names = names_in(findings.sort_values("high_s", ascending=False)["names"].iloc[0])
    assert names["host"] == ["WEB01"] and names["process"] == ["w3wp.exe"]
    assert names["sid"] == ["S-1-5-18"] and names["account"] == ["SYSTEM"]
    assert set(names["server"]) == {"crl.test", "b.test"}
    assert dict(zip(names["server"], names["server_ports"], strict=True)) == {"crl.test": "80", "b.test": "8080"}


def test_waits_of_one_cost_are_named_in_the_order_of_the_log():
    """Not in one that depends on the processor, as with a sort that is not stable."""
    lengths, begin, lines = [5 * (1 + number % 3) for number in range(48)], 0, []
    for number, length in enumerate(lengths):
        lines.append(
            f"RetrieveObjectFromNetwork {begin} {begin + length}  url=http://crl.test/{number:02}.crl  result=80072EE2"
        )
        begin += length
    analysis = analysed("\n".join(lines))
    waits = zip(analysis.waits["url"], analysis.waits["high_s"], strict=True)
    in_order = [url for url, _ in sorted(waits, key=lambda wait: -wait[1])]  # Python sorts stably
    assert names_in(analysis.findings["names"].iloc[0])["url"] == in_order


def test_what_certutil_asked_is_named_without_any_event(tmp_path):
    path = tmp_path / "certutil.txt"
    path.write_text(
        "  ----------------  Certificate CDP  ----------------\n"
        '  Failed "CDP" Time: 15\n'
        "    Error retrieving URL: The operation timed out 0x80072ee2 (INet: 12002 ERROR_INTERNET_TIMEOUT)\n"
        "    http://pki.contoso.test:8081/a.crl\n",
        encoding="utf-8",
    )
    findings = c2.analyse(c2.load(path)).findings.set_index("rule")
    names = names_in(findings.at["certutil-no-answer", "names"])
    assert (names["server"], names["server_ports"], names["port"]) == (["pki.contoso.test"], ["8081"], ["8081"])
    assert names["url"] == ["http://pki.contoso.test:8081/a.crl"]


@pytest.mark.parametrize("text", [None, pd.NA, "", "{}"])
def test_a_finding_without_names_names_nothing(text):
    assert set(map(tuple, names_in(text).values())) == {()}


def test_names_of_several_findings_are_kept_once_each_with_its_port():
    one = names_in('{"server": ["a", "b"], "server_ports": ["80", "81"]}')
    other = names_in('{"server": ["b", "c"], "server_ports": ["81", "82"], "account": ["X"]}')
    found = merged([one, other])
    assert found["server"] == ["a", "b", "c"] and found["server_ports"] == ["80", "81", "82"]
    assert found["account"] == ["X"]
