"""Proxies: which way out each account, and each computer itself, is set to, by netsh, the registry and hives.

It says what is set, not which way a retrieval went: that is in the table of waits.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from capi2kit.columns.cells import shaped

# names of settings → columns of the answer, the most telling first
_FIELDS = {
    "proxy": "proxy",
    "ProxyServer": "proxy",
    "bypass": "bypass",
    "ProxyOverride": "bypass",
    "auto-config url": "script",
    "AutoConfigURL": "script",
    "auto-detect": "detect",
    "AutoDetect": "detect",
}
_SWITCH = "ProxyEnable"
_OLD = "SavedLegacySettings"  # what was set before; the other value of the same key counts
_DIRECT = "direct"
_DECODED = "from"  # in `settings.extra`: the value whose bytes hold this setting


def proxies(settings: pd.DataFrame) -> pd.DataFrame:
    """The proxy that is set for each account, and for the services of each computer.

    Parameters
    ----------
    settings : the table `settings` of a case.

    Returns
    -------
    proxies : DataFrame
        One row per host and account (missing: the computer's own setting, WinHTTP), in the columns of table `proxies`.
        `proxy` is ``direct`` where neither a proxy nor a script nor a search for one is set, and missing where only these are.
    """
    found: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for row in settings.to_dict("records"):
        name = row["name"]
        if not isinstance(name, str) or (name not in _FIELDS and name != _SWITCH):
            continue
        one = found.setdefault((_text(row["host"]), _text(row["account"])), {"origin": row["origin"]})
        source = _source(row["extra"])
        if source == _OLD:
            continue
        field = _FIELDS.get(name, name)
        if (decoded := source != "") or field not in one:
            one[field] = _text(row["value"])
            one["decoded"] = one.get("decoded", False) or decoded
    rows = [{"host": host, "account": account} | _settled(one) for (host, account), one in found.items()]
    table = shaped(
        pd.DataFrame(rows, columns=["host", "account", *dict.fromkeys(_FIELDS.values()), "origin"]), "proxies"
    )
    return table.sort_values(["host", "account"], na_position="first", kind="stable").reset_index(drop=True)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _source(extra: Any) -> str:
    """The value whose bytes a setting was read from; empty if it is a setting of its own."""
    said = json.loads(extra) if isinstance(extra, str) and extra.startswith("{") else {}
    return str(said.get(_DECODED, ""))


def _settled(one: dict[str, Any]) -> dict[str, Any]:
    """The settings of one account; a server that is stored but switched off is not its proxy."""
    off = not one.get("decoded") and one.get(_SWITCH) in ("0", None) and _SWITCH in one
    proxy = None if off else one.get("proxy")
    detect = {"1": True, "0": False}.get(one.get("detect") or "")
    if proxy is None and not one.get("script") and not detect:
        proxy = _DIRECT
    return {
        "proxy": proxy,
        "bypass": one.get("bypass") if proxy not in (None, _DIRECT) else None,
        "script": one.get("script"),
        "detect": detect,
        "origin": one["origin"],
    }
