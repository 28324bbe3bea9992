"""Servers: the section that names every server that was asked, as whoever opens a firewall or a proxy needs it."""

from __future__ import annotations

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.render.parts import Column, Section, Table

_MOST = 200
_ROLES = {
    "CRL": "revocation list",
    "OCSP": "OCSP answer",
    "AIA": "issuer certificate",
    "CTL": "trust list of Microsoft",
}


def servers(analysis: Analysis) -> Section | None:
    """One row per server and port, the one that was waited for longest first; None if no server was asked."""
    waits = analysis.waits
    asked = waits[waits["url_host"].notna().to_numpy(bool)]
    if asked.empty:
        return None
    groups = [members for _, members in asked.groupby(["url_host", "url_port"], dropna=False, sort=True)]
    groups.sort(key=lambda members: -float(members["wait_s"].fillna(0).sum()))
    rows = [_row(members) for members in groups[:_MOST]]
    columns = [Column("server", whole=True), Column("port", number=True), Column("asked for", long=True)]
    columns += [Column(name, number=True) for name in ("retrievals", "failed", "waiting")]
    columns += [Column("accounts", long=True, brief=False)]
    more = f" {len(groups) - _MOST} more are not shown." if len(groups) > _MOST else ""
    prose = [
        f"{words.count(len(groups), 'server')}, as the URLs name them: what a firewall rule or a proxy must let through. Waiting: all "
        f"threads added up. Programs that start at other times may need more.{more}"
    ]
    events = [members["event"].tolist() for members in groups[:_MOST]]
    return Section("servers", "Servers that were asked", prose, Table(columns, rows, events))


def _row(members: pd.DataFrame) -> list[str]:
    first = members.iloc[0]
    roles = [_ROLES.get(role, words.visible(role)) for role in members["url_role"].dropna().unique()]
    accounts = [words.brief_account(sid) for sid in members["user_sid"].dropna().unique()]
    failed = int((members["outcome"].ne("ok") & members["outcome"].notna()).sum())
    return [
        words.visible(first["url_host"]),
        words.ABSENT if pd.isna(first["url_port"]) else str(first["url_port"]),
        ", ".join(roles) or words.ABSENT,
        str(len(members)),
        str(failed),
        words.seconds(members["wait_s"].fillna(0).sum()),
        ", ".join(accounts) or words.ABSENT,
    ]
