"""Evidence around the log: two checks of one worker process, and events of other logs beside them."""

from __future__ import annotations

import pandas as pd
from outlines import EPOCH

from capi2kit.columns.cells import shaped

CHECKS = """
VerifyTrust                       10.0  14.0  target=a.dll
  RetrieveObjectFromNetwork       11.0  13.0  url=http://crl.test/a
VerifyTrust                       16.0  20.0  target=b.dll
  RetrieveObjectFromNetwork       17.0  19.0  url=http://crl.test/a
"""
HOST, PROCESS, PID = "WEB01", "w3wp.exe", 4000


def evidence(*rows: dict) -> pd.DataFrame:
    """Events of other evidence: `at` in seconds, and what differs."""
    made = [
        {"host": HOST, "time": EPOCH + pd.Timedelta(seconds=row.pop("at")), "event": 100 + n} | row
        for n, row in enumerate(rows)
    ]
    return shaped(pd.DataFrame(made), "events").set_index(["task_id", "process"])


def created(at: float, **more) -> dict:
    return {"at": at, "operation": "ProcessCreated", "new_pid": PID, "new_process": PROCESS} | more


def request(at: float, took: float, **more) -> dict:
    return {"at": at, "operation": "HttpRequest", "duration_s": took, "phase": "whole", "resolution_s": 1.0} | more


def at_home(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table as that of one process on one computer."""
    return shaped(table.assign(host=HOST, process=PROCESS, pid=PID), name)
