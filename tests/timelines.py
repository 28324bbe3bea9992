"""Timelines drawn by hand: lines that a reader can check by eye → the arrays that a replay needs."""

import numpy as np
import pandas as pd
from outlines import spans, waits

from capi2kit.diagnosis.timeline import CALL, CHECK, WAIT, Guess, Timeline, read_timeline

TWICE = """
RetrieveObjectFromNetwork    0   10   url=http://crl.test/a  result=80072EE2
RetrieveObjectFromNetwork   20   30   url=http://crl.test/a  result=80072EE2
RetrieveObjectFromNetwork   40   45   url=http://crl.test/b
"""


def timeline(outline: str, **columns: list) -> Timeline:
    """The timeline of the waits of an outline, with columns of `waits` as given."""
    return read_timeline(spans(outline), waits(outline).assign(**columns))


def drawn(text: str) -> Timeline:
    """A timeline from lines: kind, start, length, check, URL; and what else is known of it: like=, thread=, runs=, key=, given=.

    All rows are of one process, and of one issuer unless `key` says otherwise; every wait ends at its limit.
    """
    rows = []
    for line in text.strip().splitlines():
        kind, start, length, check, url, *more = line.split()
        said = {"like": -1, "thread": 0, "runs": np.nan, "key": 0, "given": float(length)}
        said |= {name: float(value) for name, value in (one.split("=") for one in more)}
        rows.append({"kind": {"wait": WAIT, "check": CHECK, "call": CALL}[kind], "start": float(start), "length": float(length)}
                    | {"check": int(check), "url": -1 if url == "-" else ord(url)} | said)  # fmt: skip
    table = pd.DataFrame(rows)
    number = {name: table[name].to_numpy("int64") for name in ("kind", "check", "url", "like", "thread", "key")}
    seconds, some = table["length"].to_numpy(float), np.zeros(len(table), bool)
    return Timeline(
        wait=np.arange(len(table)),
        kind=number["kind"],
        like=number["like"],
        at=np.arange(len(table)),
        start=(table["start"] * 1e9).to_numpy("int64") + 10**18,
        length=Guess(seconds, seconds, seconds),
        usual=Guess(*[np.full(len(table), 0.1)] * 3),
        refusal=Guess(*[np.full(len(table), 1.0)] * 3),
        account=number["url"],
        process=number["url"],
        issuer_account=number["key"],
        issuer_process=number["key"],
        is_list=number["url"] != ord("O"),
        stores=~some,
        check=number["check"],
        chain=number["check"],
        thread=number["thread"],
        remembers=number["key"],
        runs_on=table["runs"].to_numpy(float),
        failed=~some,
        at_limit=number["kind"] == WAIT,
        accumulative=some,
        budget=np.full(len(table), np.nan),
        given=table["given"].to_numpy(float),
    )
