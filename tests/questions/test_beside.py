"""Beside the log: the sentence of evidence in which there is no event."""

import pandas as pd
import pytest

import capi2kit as c2
from capi2kit.questions.beside import without_events

URLFETCH = """  ----------------  Certificate AIA  ----------------
  Verified "Certificate (0)" Time: 0 06b25927c42a721631c1efd9431e648fa62e1e39
    [0.0] http://aia.example/a.cer

  ----------------  Certificate CDP  ----------------
  Failed "CDP" Time: 15
    Error retrieving URL: The operation timed out 0x80072ee2 (WinHttp: 12002 ERROR_WINHTTP_TIMEOUT)
    http://crl.example/a.crl
"""
CACHE = "http://crl.example/a.crl\n\nWinHttp Cache entries: 1\n\nCertUtil: -URLCache command completed successfully.\n"
KEY = "HKEY_USERS\\S-1-5-20\\Software\\x\n    ProxyEnable    REG_DWORD    0x1\n    ProxyServer    REG_SZ    a:8080\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (URLFETCH, "No event log, but 2 addresses that certutil fetched, 1 failed (0x80072EE2 ERROR_WINHTTP_TIMEOUT)"),
        (URLFETCH.partition("\n\n")[0], "No event log, but 1 address that certutil fetched, none of them failed"),
        (
            URLFETCH.partition("\n\n")[0].replace("Verified", "Zzz"),
            "No event log, but 1 address that certutil fetched, none of them failed"
            " (1 with a verdict in words that are not known here)",
        ),
        (CACHE, "No event log, but 1 entry of a URL cache"),
        (KEY, "No event log, but 2 settings"),
        (f"{CACHE}\n{KEY}", "No event log, but 1 entry of a URL cache; 2 settings"),
    ],
)
def test_the_sentence_counts_what_there_is_and_what_failed(text, sentence, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(text)
    assert without_events(c2.load(path)) == sentence


def test_nothing_at_all(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(KEY)
    case = c2.load(path)
    empty = c2.Case(**{name: getattr(case, name).iloc[:0] for name in case.__dataclass_fields__})
    assert without_events(empty) == "No event in what was read: nothing to time"
    assert isinstance(empty.settings, pd.DataFrame)
