"""Names: who and what a finding is about, for the lines of its remedies: computers, servers, ports, accounts, programs.

Input: findings with the events, waits and URLs that they cite, and the tables these are from. Output: column `names`, a JSON object by the
words of `steps.NAMES`, each a list in which comes first what cost most.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from capi2kit.columns.cells import numbers_in, shaped
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
    known = events.reset_index()[list(_OF_EVENTS)].set_index("event")
    waits, spans = waits[list(_OF_WAITS)], spans[list(_OF_SPANS)]
    pools = startups.dropna(subset=["app_pool"])
    made = []
    for row in findings.to_dict("records"):
        cited = numbers_in(row["evidence"])
        mine = waits[waits["event"].isin([*numbers_in(row["waits"]), *cited])].sort_values("high_s", ascending=False)
        around = spans[spans["stop_event"].isin(cited) | spans["span"].isin(mine["span"])]
        here = known.loc[known.index.intersection(cited)]
        named = names_in(row["names"])["url"]
        names = _names(here, waits=mine, spans=around, urls=named) | {
            "host": _distinct([row["host"]], here["host"], mine["host"])
        }
        ours = pools[pools["host"].isin(names["host"]) & pools["process"].isin(names["process"])]
        names["pool"] = _distinct(ours["app_pool"], here["app_pool"])
        made.append(json.dumps({word: found for word, found in names.items() if found}, ensure_ascii=False))
    return shaped(findings.assign(names=pd.Series(made, findings.index, dtype="string")), "findings")


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


def _names(events: pd.DataFrame, *, waits: pd.DataFrame, spans: pd.DataFrame, urls: list[str]) -> dict[str, list[str]]:
    servers = waits.dropna(subset=["url_host"]).drop_duplicates("url_host")
    named = {part.host: str(part.port or 80) for part in map(split_url, urls) if part.host}
    hosts = _distinct(servers["url_host"], map(host_of, events["url"].dropna()), named)
    ports = named | dict(zip(servers["url_host"], servers["url_port"].fillna(80).astype(int).astype(str), strict=True))
    sids = _distinct(waits["user_sid"], spans["impersonate_sid"], events["impersonate_sid"], events["user_sid"])
    files = spans["target_kind"].eq(_FILE).fillna(False).to_numpy(bool)
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


def _distinct(*columns: Iterable[object]) -> list[str]:
    """The texts of some columns, each once, in their order."""
    found = dict.fromkeys(text for column in columns for text in column if isinstance(text, str) and text)
    return list(found)[:_MOST]
