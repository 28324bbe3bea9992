"""Proxies: what is set for each account, whoever said it."""

from pathlib import Path

import pandas as pd
import pytest

from capi2kit.case import load
from capi2kit.columns.cells import empty
from capi2kit.knowledge import check
from capi2kit.questions.proxies import proxies

SAMPLES = Path(__file__).parent.parent / "samples" / "netsh"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("direct.txt", [(None, "direct", None, None, None)]),
        ("proxy_de_cp850.txt", [(None, "proxy.münchen.example:8080", None, None, None)]),
        ("advproxy.txt", [(None, "proxy.contoso.example:8080", "<local>", None, True)]),
        ("query.txt", [("S-1-5-18", None, None, None, True)]),  # a server is stored, but the bytes say: search only
        ("export.reg", [(None, "proxy.contoso.example:8080", "<local>", None, False), ("S-1-5-20", "direct", None, None, None)]),
    ],
)  # fmt: skip
def test_the_proxy_that_is_set_is_read_from_whatever_says_it(name, rows):
    table = proxies(load(SAMPLES / name).settings)
    check(table, "proxies")
    cells = table[["account", "proxy", "bypass", "script", "detect"]].astype(object)
    assert [tuple(None if pd.isna(cell) else cell for cell in row) for row in cells.to_numpy()] == rows


KEY = r"HKEY_USERS\S-1-5-20\Software\Microsoft\Windows\CurrentVersion\Internet Settings"


@pytest.mark.parametrize(
    ("values", "proxy", "script"),
    [
        ("ProxyEnable    REG_DWORD    0x1\n    ProxyServer    REG_SZ    a:8080", "a:8080", None),
        ("ProxyEnable    REG_DWORD    0x0\n    ProxyServer    REG_SZ    a:8080", "direct", None),
        ("AutoConfigURL    REG_SZ    http://a/p.pac", None, "http://a/p.pac"),
        ("ProxyEnable    REG_DWORD    0x0", "direct", None),
    ],
)
def test_a_server_that_is_switched_off_is_no_proxy(values, proxy, script, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(f"{KEY}\n    {values}\n")
    (row,) = proxies(load(path).settings).to_dict("records")
    assert (None if pd.isna(row["proxy"]) else row["proxy"], None if pd.isna(row["script"]) else row["script"]) == (
        proxy,
        script,
    )


def test_no_settings_no_proxies():
    assert proxies(empty("settings")).empty
