"""A rule of the tests, and a small table of waits that it is asked on."""

from pathlib import Path

import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.rules import diagnose, read_rule

RULE = """
id = "test"
title = "Somebody waited"
severity = "high"
[match]
table = "waits"
where = "outcome == 'timeout'"
group_by = ["host", "user_sid"]
min_rows = 2
cost = "wait_s"
{more}
[say]
finding = "{{user_sid}} on {{host}}: {{rows}} waits, {{cost_s:.1f}} s"
inferred = "nobody answers"
fixes = ["allow-pki-hosts"]
confirm = ["cmd: netsh winhttp show proxy"]
source = "this test"
[proof]
fires_on = ["sharepoint-drop"]
silent_on = ["healthy-cold"]
"""


WAITS = [
    {"event": 1, "host": "A", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
    {"event": 2, "host": "A", "user_sid": "S-1", "outcome": "timeout", "wait_s": 5.0, "url_host": "y"},
    {"event": 3, "host": "A", "user_sid": "S-2", "outcome": "ok", "wait_s": 0.1, "url_host": "x"},
    {"event": 4, "host": "B", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
    {"event": 5, "host": "B", "user_sid": "S-1", "outcome": "timeout", "wait_s": None, "url_host": "x"},
    {"event": 6, "host": "C", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
]


def asked(tmp_path: Path, more: str = "", *, text: str = RULE) -> pd.DataFrame:
    """The findings of the rule on the table."""
    path = tmp_path / "test.toml"
    path.write_text(text.format(more=more), encoding="utf-8")
    return diagnose({"waits": shaped(pd.DataFrame(WAITS), "waits")}, asked=(read_rule(path),))
