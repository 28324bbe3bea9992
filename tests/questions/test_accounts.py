"""Accounts: who paid, by which way out; names from a map, well known, or asked of the domain."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import scenarios

from capi2kit.cli import main
from capi2kit.columns.cells import empty, shaped
from capi2kit.errors import EvidenceError
from capi2kit.questions.accounts import accounts, names_of, profile_names

LAB = Path(__file__).parents[2] / "datasets" / "lab"
POOL, ADMIN = "S-1-5-20", "S-1-5-21-1-2-3-500"
#        event  sid    proxy     host  outcome    wait  low   high
WAITS = [
    (1, POOL, "p:8080", "crl", "denied", 1.0, 0.9, 1.1),
    (2, POOL, "p:8080", "crl", "denied", 2.0, 1.9, 2.1),
    (3, POOL, "p:8080", "crl", "denied", None, 0.0, None),
    (4, ADMIN, "p:8080", "crl", "ok", 0.2, 0.2, 0.2),
    (5, None, None, "crl", "ok", 0.1, 0.1, 0.1),
]
COLUMNS = ("event", "user_sid", "proxy", "url_host", "outcome", "wait_s", "low_s", "high_s")


def waits() -> pd.DataFrame:
    return shaped(pd.DataFrame(WAITS, columns=COLUMNS), "waits")


def test_each_account_pays_for_its_own_way_out():
    first, second, third = accounts(waits()).to_dict("records")
    assert (first["user_sid"], first["account"], first["waits"], first["unknown"]) == (POOL, "NETWORK SERVICE", 3, 1)
    assert (first["wait_s"], first["low_s"], first["evidence"]) == (3.0, pytest.approx(2.8), "1 2 3")
    assert pd.isna(first["high_s"])  # one of them has no upper bound
    assert (second["user_sid"], second["outcome"]) == (ADMIN, "ok")
    assert pd.isna(second["account"])  # its domain knows; we do not
    assert pd.isna(third["user_sid"])
    assert pd.isna(third["account"])


def test_nothing_is_lost_between_the_waits_and_their_sums():
    table = scenarios.analysed("sharepoint-drop", "UTC").waits
    summed = accounts(table)
    assert summed["waits"].sum() == len(table)
    assert summed["wait_s"].sum() == pytest.approx(table["wait_s"].sum())
    assert sorted(map(int, " ".join(summed["evidence"]).split())) == sorted(table["event"])


def test_no_waits_no_rows():
    assert accounts(empty("waits")).empty


#            path of the key                       name                value
PROFILES = [
    (r"HKLM\SOFTWARE\ProfileList\S-1-5-21-1-2-3-500", "ProfileImagePath", r"C:\Users\svc-app\ "),
    (r"HKLM\SOFTWARE\ProfileList\S-1-5-18", "ProfileImagePath", r"%systemroot%\system32\config\systemprofile"),
    (r"HKLM\SOFTWARE\ProfileList\S-1-5-21-1-2-3-501", "State", r"C:\Users\wrong"),
    (r"HKLM\SOFTWARE\ProfileList\S-1-5-21-1-2-3-502", "ProfileImagePath", None),
    (None, "ProfileImagePath", r"C:\Users\nobody"),
]


def test_the_folder_of_a_profile_names_the_account_that_nothing_else_names():
    rows = pd.DataFrame(
        [(path, name, value and value.strip()) for path, name, value in PROFILES], columns=["path", "name", "value"]
    )
    settings = shaped(rows, "settings")
    assert profile_names(settings) == {ADMIN: "svc-app (profile)"}  # SYSTEM has its name already
    assert profile_names(empty("settings")) == {}


def test_the_map_of_the_user_goes_first(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text(f"SID,name\n{ADMIN},CONTOSO\\administrator\n{POOL},the pool\n", encoding="utf-8")
    assert accounts(waits(), names=names_of(path))["account"].dropna().tolist() == [
        "the pool",
        "CONTOSO\\administrator",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{ADMIN},a\nadministrator,b\n", "line 2 does not begin with a SID"),
        ("SID,name\n", "line 1"),
        ("\0,", "line 1"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path, text, why):
    path = tmp_path / "map.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=why):
        names_of(path)


def test_the_verb_shows_both_accounts_and_how_to_name_the_nameless(capsys):
    main(["accounts", str(LAB / "network-service-denied" / "evidence.zip"), "--tz", "UTC"])
    out = capsys.readouterr().out
    assert "NETWORK SERVICE" in out
    assert "denied" in out
    assert "Security.Principal.SecurityIdentifier" in out


def test_a_sid_that_is_none_is_not_put_into_a_command(capsys, monkeypatch):
    from capi2kit.cli import accounts as verb

    hostile = waits().assign(user_sid="S-1-5-21-1'; calc; '")
    case = SimpleNamespace(settings=empty("settings"))
    monkeypatch.setattr(verb, "open_analysis", lambda common: SimpleNamespace(waits=hostile, case=case))
    main(["accounts", "x"])
    assert "SecurityIdentifier" not in capsys.readouterr().out
