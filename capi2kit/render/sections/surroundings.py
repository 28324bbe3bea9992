"""Surroundings: the sections on what lies around the CAPI2 log: one time axis, clocks, settings, trust lists."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.knowledge.providers import lane_of_checks, lanes_of
from capi2kit.questions.accounts import profile_names
from capi2kit.questions.proxies import proxies
from capi2kit.questions.trust_lists import crl_validity
from capi2kit.render.parts import Chart, Column, Section, Table, drawn

TOP = 15
_OF_THE_KIT = (
    "kit environment",
    "kit publisher-evidence",
    "kit netsh-http-sslcert",
)  # settings that say something by themselves
_BEGINS = {"log begins": "log begins (cut)"}


def incident(analysis: Analysis) -> Section | None:
    """All evidence on one axis, and what each start-up's interval is based on; None if there is only the CAPI2 log."""
    lanes = _lanes(analysis.case.events)
    if not lanes or analysis.startups.empty:
        return None
    startups = analysis.startups.iloc[
        np.argsort(-analysis.startups["waiting_wall_s"].to_numpy(float), kind="stable")[:TOP]
    ]
    rows = [_interval(row) for row in startups.to_dict("records")]
    events = [
        [int(row[name]) for name in ("start_event", "stop_event") if not pd.isna(row[name])]
        for row in startups.to_dict("records")
    ]
    columns = [
        Column("process (PID)", whole=True),
        Column("application pool", spare=1),
        Column("begins with"),
        Column("ends with"),
    ]
    columns += [Column("outer", number=True)]
    columns += [Column(name, number=True, spare=2) for name in ("before checks", "after checks")]
    counted = ", ".join(f"{count} × {words.visible(name)}" for name, count in lanes.items())
    prose = [
        f"Beside the CAPI2 log: {counted}; the picture shows those around the start-up. The outer interval of a start-up comes "
        "from the best evidence there is; its time beyond the checks is in the line “unexplained”.",
        *_confirmed(analysis),
        *_dropped(analysis),
    ]

    chart = Chart("timeline", "All the evidence on one time axis", drawn("plot_timeline", analysis))
    return Section("incident", "The whole incident", prose, Table(columns, rows, events), [chart])


def _lanes(events: pd.DataFrame) -> dict[str, int]:
    """How many entries of each kind of evidence there are, the checks of the CAPI2 log aside."""
    found = {str(name): int(count) for name, count in lanes_of(events).value_counts(sort=False).items()}
    found.pop(lane_of_checks(), None)
    return found


def _interval(row: dict) -> list[str]:
    before = (row["first_operation"] - row["start"]).total_seconds()
    after = (row["stop"] - row["last_operation"]).total_seconds()
    return [
        words.with_pid(row["process"], row["pid"]),
        words.visible(row["app_pool"]),
        _BEGINS.get(row["start_from"], words.visible(row["start_from"])),
        words.visible(row["stop_from"]),
        *(words.seconds(value) for value in (row["wall_s"], before, after)),
    ]


def _confirmed(analysis: Analysis) -> list[str]:
    """What SharePoint measured of the same checks."""
    found = analysis.confirmations
    if found.empty:
        return []
    apart = float(found["apart_s"].abs().max())
    tasks = found["task_id"].nunique()
    return [
        f"SharePoint measured {tasks} of these checks itself ({words.seconds(found.drop_duplicates('task_id')['said_s'].sum())} in all): "
        f"its figures and ours are {words.at_most(apart)} apart."
    ]


def _dropped(analysis: Analysis) -> list[str]:
    """What the firewall of the computer says."""
    drops = analysis.waits["firewall_drops"]
    if drops.isna().all():
        return []
    hit = int((drops.fillna(0) > 0).sum())
    return [
        f"The firewall of the computer dropped packets to the port of the URL during {hit} of the {int(drops.notna().sum())} waits "
        "that its log covers."
    ]


def clocks(analysis: Analysis, *, tz: str = "UTC") -> Section | None:
    """How far the clocks were off, by the dates that servers sent."""
    found = analysis.clocks
    if found.empty:
        return None
    rows = [
        [
            words.visible(row["host"]),
            words.moment(row["time"], tz, digits=0),
            words.clock(row["offset_s"]),
            f"{row['offset_s']:+.1f} s",
            words.seconds(row["spread_s"]),
            str(row["answers"]),
        ]
        for row in found.head(TOP).to_dict("records")
    ]
    columns = [Column("host"), Column("since"), Column("clock")]
    columns += [Column(name, number=True) for name in ("computer minus server", "spread", "answers")]
    prose = [
        "By the dates in the servers' answers, within a second or so; an answer from a cache may be older than it looks. "
        "All times here are as logged; `--correct-clock` shows them by a correct clock."
    ]
    return Section("clocks", "Clocks", prose, Table(columns, rows))


def proxies_set(analysis: Analysis) -> Section | None:
    """The proxy that each account and each computer is set to; None if nothing says."""
    found = proxies(analysis.case.settings)
    if found.empty:
        return None
    names, detect = profile_names(analysis.case.settings), {True: "yes", False: "no"}
    rows = [
        [
            words.visible(row["host"]),
            "the computer (WinHTTP)"
            if pd.isna(row["account"])
            else words.visible(names.get(row["account"]) or words.brief_account(row["account"])),
            words.visible(row["proxy"]),
            words.visible(row["script"]),
            "" if pd.isna(row["detect"]) else detect[bool(row["detect"])],
            words.visible(row["bypass"]),
            words.visible(row["origin"]),
        ]
        for row in found.to_dict("records")
    ]
    columns = [Column("computer", spare=1), Column("account"), Column("proxy"), Column("script", long=True)]
    columns += [Column("searches for one", spare=2), Column("not for", long=True, spare=3), Column("from", spare=4)]
    prose = ["What is set. Which way a retrieval really went is in the table of waits."]
    return Section("proxies", "Proxies that are set", prose, Table(columns, rows))


def settings(analysis: Analysis) -> Section | None:
    """Proxy settings and other values from netsh, the registry and the kit."""
    found = analysis.case.settings
    found = found[~found["origin"].fillna("").str.startswith("kit") | found["origin"].isin(_OF_THE_KIT)]
    if found.empty:
        return None
    rows = [
        [words.visible(row[name]) for name in ("origin", "account", "path", "name", "value")]
        for row in found.head(TOP * 2).to_dict("records")
    ]
    columns = [Column("from"), Column("account"), Column("key", long=True), Column("name"), Column("value", long=True)]
    more = f"; the first {len(rows)} are shown" if len(found) > len(rows) else ""
    return Section("settings", "Settings beside the log", [f"{len(found)} values{more}."], Table(columns, rows))


def lists(analysis: Analysis, *, tz: str = "UTC") -> Section | None:
    """Lists of roots beside the log, and whether the CRLs that were used were valid then."""
    found, used = analysis.case.trust_lists, _used_crls(analysis)
    if found.empty and used.empty:
        return None
    rows = [
        [
            words.visible(row["kind"]),
            words.visible(row["entries"]),
            words.moment(row["this_update"], tz, digits=0),
            {True: "good", False: "bad"}.get(row["signature_good"], "none" if row["signed"] is False else words.ABSENT),
            words.visible(row["signer"]),
            words.moment(row["signer_not_after"], tz, digits=0),
        ]
        for row in found.to_dict("records")
    ]
    columns = [
        Column("list"),
        Column("certificates", number=True),
        Column("effective from"),
        Column("signature"),
        Column("signer", long=True),
    ]
    columns += [Column("signer valid until")]
    prose = ["`capi2kit pki` judges them at any moment."] if len(found) else []
    if len(used):
        expired = int((used["valid"] == False).sum())  # noqa: E712 - a nullable column
        prose.append(
            f"{len(used)} uses of a CRL or OCSP response whose dates are known: {len(used) - expired} within them, {expired} not."
        )
    dated = used["this_update"].notna().any()
    pictures = [Chart("freshness", "CRLs and OCSP responses", drawn("plot_freshness", analysis))] if dated else []
    return Section("lists", "Lists and CRLs", prose, Table(columns, rows) if rows else None, pictures)


def chains(analysis: Analysis) -> Section | None:
    """The first chain with an error, as a picture; None if no chain has one."""
    found = analysis.case.chain
    wrong = found[found["error_status"].fillna(0).ne(0).to_numpy(bool)]
    if wrong.empty:
        return None
    count = wrong["event"].nunique()
    rows, events = [], []
    for names, members in list(wrong.groupby("error_names", dropna=False, sort=False))[:TOP]:
        whose, processes = (
            words.listed([words.visible(name) for name in members[column].dropna().unique()], kind)
            for column, kind in (("subject", "certificate"), ("process", "program"))
        )
        found_in = sorted(set(members["event"].tolist()))
        rows.append([words.visible(names), whose or words.ABSENT, str(len(found_in)), processes or words.ABSENT])
        events.append(found_in)
    columns = [Column("errors", long=True), Column("certificates", long=True), Column("chains", number=True)]
    columns += [Column("checked by", long=True)]
    prose = [f"{words.count(count, 'chain')} with an error; the picture shows the first one, from its root down."]
    picture = Chart("chain", "The first chain with an error", drawn("plot_chain", analysis))
    return Section("chains", "Chains with errors", prose, Table(columns, rows, events), [picture])


def _used_crls(analysis: Analysis) -> pd.DataFrame:
    return crl_validity(analysis.waits, analysis.case.events, certificates=analysis.case.certificates)
