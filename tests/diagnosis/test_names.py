"""Names: computers, servers, ports, accounts and files that a finding is about."""

import pandas as pd
import pytest
from outlines import analysed

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


@pytest.mark.parametrize("text", [None, pd.NA, "", "{}"])
def test_a_finding_without_names_names_nothing(text):
    assert set(map(tuple, names_in(text).values())) == {()}


def test_names_of_several_findings_are_kept_once_each_with_its_port():
    one = names_in('{"server": ["a", "b"], "server_ports": ["80", "81"]}')
    other = names_in('{"server": ["b", "c"], "server_ports": ["81", "82"], "account": ["X"]}')
    found = merged([one, other])
    assert found["server"] == ["a", "b", "c"] and found["server_ports"] == ["80", "81", "82"]
    assert found["account"] == ["X"]
