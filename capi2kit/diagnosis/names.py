"""Names: who and what a finding is about, for the lines of its remedies: computers, servers, ports, accounts, programs.

Input: findings with the events, waits and URLs that they cite, and the tables these are from. Output: column `names`, a JSON object by the
words of `steps.NAMES`, each a list in which comes first what cost most.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers, numbers_in, rows_in, shaped, strings
from capi2kit.columns.urls import split_url
from capi2kit.diagnosis.steps import NAMES
from capi2kit.knowledge import rows
from capi2kit.knowledge.urls import host_of

_MOST = 50  # names of one kind that are kept
_FILE = "file"
# the columns that are looked at: of every table only these are taken along
_OF_EVENTS = (
    "event", "host", "url", "crl_url", "impersonate_sid", "user_sid", "user_name", "process", "new_process", "service", "file_path",
    "subject", "server_name", "issuer", "crl_issuer", "app_pool",
)  # fmt: skip
_OF_WAITS = ("event", "span", "high_s", "host", "url", "url_host", "url_port", "user_sid", "process", "proxy")
_OF_SPANS = ("span", "stop_event", "impersonate_sid", "target_kind", "process", "target", "subject", "issuer")


def name_findings(
    findings: pd.DataFrame, *, events: pd.DataFrame, waits: pd.DataFrame, spans: pd.DataFrame, startups: pd.DataFrame
) -> pd.DataFrame:
    """Give each finding the names of what it is about, in column `names`. The inputs are not modified."""
    cited, waited = ([numbers_in(cell) for cell in findings[name]] for name in ("evidence", "waits"))
    every = np.unique([number for numbers in (*cited, *waited) for number in numbers]).astype("int64")
    if "process" in events.index.names:
        events = events[[name for name in _OF_EVENTS if name != "process"]].reset_index("process")
    known = _Columns.of(events, _OF_EVENTS, rows=np.isin(integers(events["event"]), every))
    of_waits = _Columns.of(waits, _OF_WAITS, rows=np.isin(integers(waits["event"]), every))
    cost = of_waits["high_s"].astype("float64")
    of_waits = of_waits.some(np.argsort(np.where(np.isnan(cost), np.inf, -cost), kind="stable"))
    near = np.isin(integers(spans["stop_event"]), every) | np.isin(integers(spans["span"]), of_waits.numbers("span"))
    of_spans = _Columns.of(spans, _OF_SPANS, rows=near)
    pools = startups[["host", "process", "app_pool"]].dropna(subset=["app_pool"])
    made = []
    for row, records, more in zip(rows_in(findings), cited, waited, strict=True):
        here = known.some(np.isin(known.numbers("event"), records))
        mine = of_waits.some(np.isin(of_waits.numbers("event"), [*more, *records]))
        around = of_spans.some(
            np.isin(of_spans.numbers("stop_event"), records) | np.isin(of_spans.numbers("span"), mine.numbers("span"))
        )
        named = names_in(row["names"])["url"]
        names = _names(here, waits=mine, spans=around, urls=named)
        names["host"] = _distinct([row["host"]], here["host"], mine["host"])
        ours = (
            pools[pools["host"].isin(names["host"]) & pools["process"].isin(names["process"])] if len(pools) else pools
        )
        names["pool"] = _distinct(ours["app_pool"], here["app_pool"])
        made.append(json.dumps({word: found for word, found in names.items() if found}, ensure_ascii=False))
    return shaped(findings, "findings", names=strings(made))


class _Columns(dict[str, np.ndarray]):
    """Some columns of some rows of a table as plain objects: what is missing is no text."""

    @classmethod
    def of(cls, table: pd.DataFrame, names: Iterable[str], *, rows: np.ndarray) -> _Columns:
        """These columns of the rows where `rows` is true."""
        places = np.flatnonzero(rows)
        return cls({name: table[name].array.take(places).to_numpy(object) for name in names})

    def some(self, which: np.ndarray) -> _Columns:
        """Some of the rows."""
        return _Columns({name: values[which] for name, values in self.items()})

    def numbers(self, name: str) -> np.ndarray:
        """A column of whole numbers; -1 where one is missing."""
        return np.array([-1 if value is pd.NA else value for value in self[name]], "int64")


def names_in(text: object) -> dict[str, list[str]]:
    """The names of a finding out of its column `names`; empty if it has none."""
    found = json.loads(text) if isinstance(text, str) and text else {}
    return {word: [str(one) for one in found.get(word, ())] for word in (*NAMES, "server_ports")}


def merged(found: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    """The names of several findings, each once, in their order."""
    names: dict[str, list[str]] = {word: [] for word in (*NAMES, "server_ports")}
    for one in found:
        for word in NAMES:
            names[word] += [name for name in one[word] if name not in names[word]]
        ports = dict(zip(one["server"], one["server_ports"], strict=False))
        names["server_ports"] += [ports.get(name, "80") for name in names["server"][len(names["server_ports"]) :]]
    return names


def _names(events: _Columns, *, waits: _Columns, spans: _Columns, urls: list[str]) -> dict[str, list[str]]:
    named = {part.host: str(part.port or 80) for part in map(split_url, urls) if part.host}
    hosts = _distinct(waits["url_host"], map(host_of, filter(_is_text, events["url"])), named)
    asked = zip(
        waits["url_host"][::-1], waits["url_port"][::-1], strict=True
    )  # of several ports of a host the first one counts
    ports = named | {host: "80" if port is pd.NA else str(int(port)) for host, port in asked if _is_text(host)}
    sids = _distinct(waits["user_sid"], spans["impersonate_sid"], events["impersonate_sid"], events["user_sid"])
    files = np.array([kind == _FILE if _is_text(kind) else False for kind in spans["target_kind"]], bool)
    return {
        "server": hosts,
        "server_ports": [ports.get(host, "80") for host in hosts],
        "port": _distinct(ports.get(host, "80") for host in hosts),
        "url": _distinct(waits["url"], events["url"], events["crl_url"], urls),
        "sid": sids,
        "account": _distinct(map(_account, sids), events["user_name"]),
        "process": _distinct(waits["process"], events["process"], spans["process"], events["new_process"]),
        "service": _distinct(events["service"]),
        "target": _distinct(spans["target"][files], events["file_path"]),
        "subject": _distinct(events["subject"], events["server_name"], spans["subject"]),
        "issuer": _distinct(events["issuer"], events["crl_issuer"], spans["issuer"]),
        "proxy": [proxy for proxy in _distinct(waits["proxy"]) if proxy != "direct"],
    }


def _account(sid: str) -> str:
    """The name of an account that every Windows has; the SID of any other."""
    return next((row["name"] for row in rows("accounts") if row["sid"] == sid), sid)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _distinct(*columns: Iterable[object]) -> list[str]:
    """The texts of some columns, each once, in their order."""
    found = dict.fromkeys(text for column in columns for text in column if isinstance(text, str) and text)
    return list(found)[:_MOST]
