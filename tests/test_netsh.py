"""netsh, .reg and reg query: each setting is a row; bytes that hold a proxy are distinguished; nothing is lost silently."""

import json
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import parts
from test_certutil import LAB, SAMPLES, STRANGERS

from capi2kit.knowledge import check, rows
from capi2kit.loaders import netsh, registry
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.settings.connections import decoded
from capi2kit.loaders.settings.regvalues import account_of_key, exported, printed

FILES = sorted((SAMPLES / "netsh").iterdir())
CONNECTIONS = r"HKEY_USERS\S-1-5-20\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
HEADER = "Windows Registry Editor Version 5.00\n\n"


def read(data: bytes | str, *, loader=netsh) -> dict[str, pd.DataFrame]:
    """The one batch of a text; it must speak the vocabulary and add up."""
    data = data.encode() if isinstance(data, str) else data
    (batch,) = loader.read(EvidenceFile("a.txt", data), asked=Asked())
    for table in ("settings", "problems", "sources"):
        check(batch[table], table)
    (source,) = batch["sources"].to_dict("records")
    assert source["promised"] == source["loaded"] + source["other"] + source["lost"]
    assert source["lost"] == batch["problems"]["lost"].sum()
    inside = batch["settings"]["extra"].str.contains('"from"', regex=False).fillna(False).astype(bool)
    assert source["loaded"] == (~inside).sum()
    return batch


def sample(name: str) -> dict[str, pd.DataFrame]:
    return read((SAMPLES / "netsh" / name).read_bytes())


def said(batch: dict[str, pd.DataFrame]) -> list[str]:
    return batch["problems"]["error"].tolist()


def pairs(table: pd.DataFrame) -> list[tuple]:
    """Names and values, None for what is missing."""
    values = [None if pd.isna(value) else value for value in table["value"]]
    return list(zip(table["name"], values, strict=True))


# netsh winhttp


def test_direct_access():
    found = sample("direct.txt")["settings"]
    assert pairs(found) == [("proxy", "direct")]
    assert found["origin"].tolist() == ["netsh winhttp"]
    assert found["path"].tolist() == ["Current WinHTTP proxy settings"]
    assert found["account"].isna().all()
    assert found["line"].tolist() == [4]


def test_a_proxy_and_its_bypass_list():
    assert pairs(sample("proxy.txt")["settings"]) == [
        ("proxy", "http=proxy.contoso.example:8080;https=proxy.contoso.example:8081"),
        ("bypass", "<local>;*.contoso.example"),
    ]


def test_german_output_of_a_console():
    batch = sample("proxy_de_cp850.txt")
    assert pairs(batch["settings"]) == [("proxy", "proxy.münchen.example:8080"), ("bypass", None)]
    assert json.loads(batch["settings"]["extra"].iloc[1]) == {"text": "(Keine)"}
    assert said(batch) == ["console code page"]


@pytest.mark.parametrize(
    "text",
    [
        "Paramètres actuels du proxy WinHTTP :\n\n    Accès direct (pas de serveur proxy).\n",
        "当前 WinHTTP 代理服务器设置:\n\n    直接访问(没有代理服务器)。\n",
    ],
)
def test_a_line_without_a_label_below_the_heading_means_no_proxy_in_any_language(text):
    batch = read(f"\n{text}")
    assert pairs(batch["settings"]) == [("proxy", "direct")]
    assert said(batch) == []


def test_further_words_of_an_unknown_language_are_lost_and_it_is_said():
    batch = read("\nParamètres actuels du proxy WinHTTP :\n\n    Serveur proxy :  a:8080\n    quelque chose\n")
    assert batch["sources"][["promised", "loaded", "lost"]].iloc[0].tolist() == [2, 1, 1]
    assert said(batch)[0] == "setting not understood"


ADVANCED = [
    ("proxy enabled", "1"),
    ("proxy", "proxy.contoso.example:8080"),
    ("bypass", "<local>"),
    ("auto-config enabled", "0"),
    ("auto-config url", None),
    ("auto-detect", "1"),
    ("per-user proxy settings", "1"),
]


def test_advanced_settings():
    batch = sample("advproxy.txt")
    assert pairs(batch["settings"]) == ADVANCED
    assert set(batch["settings"]["origin"]) == {"netsh advproxy"}
    assert said(batch) == []


def test_advanced_settings_on_one_line():
    text = (SAMPLES / "netsh" / "advproxy.txt").read_text()
    head, _, body = text.partition("{")
    assert pairs(read(head + "{" + " ".join(body.split()) + "\n")["settings"]) == ADVANCED


def test_advanced_settings_that_are_cut_off():
    text = (SAMPLES / "netsh" / "advproxy.txt").read_text().partition('  "AutoConfigIs')[0]
    batch = read(text)
    assert pairs(batch["settings"]) == ADVANCED[:3]
    assert said(batch) == ["incomplete entry"]


# .reg


def test_a_registry_export():
    batch = sample("export.reg")
    found = batch["settings"]
    own = found[~found["extra"].str.contains('"from"').fillna(False).astype(bool)]
    assert pairs(own)[1:] == [
        ("(Default)", r'say "hello" in C:\Temp'),
        ("ProxyEnable", "31"),
        ("Expand", "%TEMP%"),
        ("Several", r"a\0b"),
        ("Big", "4294967296"),
        ("Empty", None),
        ("Gone", None),
        (pd.NA, None),
    ]
    assert own["kind"].dropna().tolist() == [
        "REG_BINARY",
        "REG_SZ",
        "REG_DWORD",
        "REG_EXPAND_SZ",
        "REG_MULTI_SZ",
        "REG_QWORD",
        "REG_SZ",
    ]
    assert own["account"].dropna().tolist() == ["S-1-5-20"] * 7 + ["HKEY_CURRENT_USER"]
    assert own["extra"].dropna().tolist() == ['{"deleted": true}'] * 2
    assert own["line"].tolist() == [4, 10, 11, 12, 13, 14, 15, 16, 18]
    assert said(batch) == []


def test_the_bytes_of_winhttp_are_distinguished():
    found = sample("export.reg")["settings"]
    inside = found[found["extra"].str.contains('"from"').fillna(False).astype(bool)]
    assert pairs(inside) == [
        ("flags", "3"),
        ("proxy", "proxy.contoso.example:8080"),
        ("bypass", "<local>"),
        ("auto-detect", "0"),
    ]
    assert inside["path"].str.endswith("Connections").all()
    assert json.loads(inside["extra"].iloc[1]) == {"from": "WinHttpSettings"}


def test_an_old_export_has_its_texts_in_windows_1252():
    batch = read('REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\A]\r\n"E"=hex(2):25,54,4d,50,25,e4,00\r\n"D"=dword:A\r\n')
    assert pairs(batch["settings"]) == [("E", "%TMP%ä"), ("D", "10")]


def test_a_text_on_several_lines_is_one_value():
    batch = read(HEADER + '[HKEY_LOCAL_MACHINE\\A]\n"T"="one\ntwo"\n"U"=dword:00000001\n')
    assert pairs(batch["settings"]) == [("T", "one\ntwo"), ("U", "1")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('"T"="never closed', "quote is not closed"),
        ('"T"="ends in an escape\\"', "quote is not closed"),
        ('"T"=hex:18,0', "hexadecimal"),
        ('"T"=dword:123456789', "no known type"),
        ("nonsense", "not of the form"),
    ],
)
def test_a_broken_value_costs_itself_only(line, why):
    batch = read(HEADER + f'[HKEY_LOCAL_MACHINE\\A]\n"A"=dword:1\n{line}\n"B"=dword:2\n')
    kept = [pair for pair in pairs(batch["settings"]) if pair[0] != "T"]
    assert kept == [("A", "1"), ("B", "2")]
    assert batch["sources"]["promised"].tolist() == [3]
    assert said(batch) == ["setting not understood"]
    assert why in batch["problems"]["message"].iloc[0]


@pytest.mark.parametrize("end", ["", '"B"=dword:2\n', "[HKEY_LOCAL_MACHINE\\B]\n"])
def test_bytes_that_break_off_are_kept_and_noted(end):
    batch = read(HEADER + '[HKEY_LOCAL_MACHINE\\A]\n"T"=hex:18,00,\\\n  0a,\\\n' + end)
    assert pairs(batch["settings"])[0] == ("T", "18000a")
    assert said(batch) == ["incomplete entry"]


def test_names_with_quotes_and_equals_signs():
    assert pairs(read(HEADER + '[HKEY_LOCAL_MACHINE\\A]\n"a\\"=\\\\b" = "c=d"\n')["settings"]) == [('a"=\\b', "c=d")]


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("dword:ffffffff", "4294967295", "REG_DWORD"),
        ("hex(4):01,00,00,00", "1", "REG_DWORD"),
        ("hex(5):00,00,00,01", "1", "REG_DWORD_BIG_ENDIAN"),
        ("hex(0):", None, "REG_NONE"),
        ("hex:0A,ff", "0aff", "REG_BINARY"),
        ("hex(1):61,00,00,00", "a", "REG_SZ"),
        ("hex(ffff0012):01", "01", "hex(ffff0012)"),
        ("hex(b):01", "01", "REG_QWORD"),
    ],
)
def test_values_of_an_export(text, value, kind):
    assert exported(text, wide=True) == (value, kind)


@pytest.mark.parametrize(
    ("path", "account"),
    [
        (r"HKEY_USERS\S-1-5-20\Software", "S-1-5-20"),
        (r"HKEY_USERS\S-1-5-21-1-2-3-500_Classes\x", "S-1-5-21-1-2-3-500"),
        (r"HKEY_USERS\.DEFAULT\Software", "S-1-5-18"),
        (r"HKEY_USERS\mounted\Software", None),
        (r"HKEY_CURRENT_USER\Software", "HKEY_CURRENT_USER"),
        (r"HKEY_LOCAL_MACHINE\SOFTWARE", None),
    ],
)
def test_a_key_tells_the_account(path, account):
    assert account_of_key(path) == account


# reg query


def test_output_of_reg_query():
    batch = sample("query.txt")
    found = batch["settings"]
    assert pairs(found)[:4] == [
        ("ProxyEnable", "1"),
        ("ProxyServer", "proxy.contoso.example:8080"),
        ("(Default)", None),
        ("User Agent", "Mozilla/4.0 (compatible; MSIE 8.0; Win32)"),
    ]
    assert pairs(found)[5:] == [
        ("flags", "9"),
        ("proxy", None),
        ("bypass", None),
        ("auto-config url", None),
        ("auto-detect", "1"),
    ]
    assert set(found["origin"]) == {"reg query"}
    assert set(found["account"]) == {"S-1-5-18"}
    assert said(batch) == []


def test_output_of_reg_query_with_tabs_and_a_german_default():
    batch = read("! REG.EXE\n\nHKEY_CURRENT_USER\\A\n\t(Standard)\tREG_SZ\tx y\n    Q    REG_QWORD    0x100000000\n")
    assert pairs(batch["settings"]) == [("(Default)", "x y"), ("Q", "4294967296")]
    assert said(batch) == ["other lines"]


def test_a_line_of_reg_query_without_a_type_is_lost_and_said():
    batch = read("HKEY_LOCAL_MACHINE\\A\n    Broken\n    N    REG_DWORD    0x2\n")
    assert pairs(batch["settings"]) == [("N", "2")]
    assert batch["sources"]["lost"].tolist() == [1]


def test_an_error_of_reg_query_is_noted():
    batch = read("HKEY_LOCAL_MACHINE\\A\n    N    REG_DWORD    0x2\nERROR: Access is denied.\n")
    assert said(batch) == ["other lines"]
    assert "ERROR" in batch["problems"]["message"].iloc[0]


def test_printed_values():
    assert printed("0xff", kind="REG_DWORD") == "255"
    assert printed("0AFF", kind="REG_BINARY") == "0aff"
    assert printed("0xff", kind="REG_SZ") == "0xff"
    assert printed("", kind="REG_SZ") is None


# bytes of a connection


def connection(flags: int, *texts: str) -> bytes:
    parts = b"".join(struct.pack("<I", len(text)) + text.encode("cp1252") for text in texts)
    return struct.pack("<III", 0x46, 5, flags) + parts


def settings_in(flags: int, *texts: str) -> dict:
    return {name: value for name, value, _ in decoded(connection(flags, *texts))}


def test_flags_decide_what_is_in_use():
    texts = ("proxy.example:8080", "<local>", "http://wpad.example/p.pac")
    assert settings_in(1, *texts)["proxy"] == "direct"
    assert settings_in(3, *texts)["proxy"] == "proxy.example:8080"
    assert settings_in(5, *texts)["auto-config url"] == "http://wpad.example/p.pac"
    assert settings_in(5, *texts)["proxy"] is None
    assert settings_in(9, *texts)["auto-detect"] == "1"
    assert settings_in(1, "", "")["bypass"] is None
    assert "auto-config url" not in settings_in(1, "", "")


def test_what_is_stored_but_switched_off_is_distinguished():
    (proxy,) = [more for name, _, more in decoded(connection(1, "proxy.example:8080", "", "")) if name == "proxy"]
    assert proxy == {"stored": "proxy.example:8080"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x46", connection(1), connection(1, "a"), connection(1, "a", "b")[:-1], connection(0xFF00, "", "")],
)
def test_bytes_of_another_layout_are_refused(data):
    with pytest.raises(ValueError):
        decoded(data)


def test_bytes_of_another_layout_are_kept_and_noted():
    batch = read(f"{CONNECTIONS}\n    SavedLegacySettings    REG_BINARY    4600\n")
    assert pairs(batch["settings"]) == [("SavedLegacySettings", "4600")]
    assert said(batch) == ["bytes not understood"]


# one after another, and who claims what


def test_several_commands_in_one_file_are_all_read():
    text = "C:\\>netsh winhttp show proxy\n"
    text += "".join(
        (SAMPLES / "netsh" / name).read_text() for name in ("proxy.txt", "query.txt", "advproxy.txt", "direct.txt")
    )
    for loader in (netsh, registry):
        batch = read(text, loader=loader)
        assert batch["settings"]["origin"].value_counts().to_dict() == {
            "reg query": 10,
            "netsh advproxy": 7,
            "netsh winhttp": 3,
        }
        assert said(batch) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_one_loader_claims_a_sample(path):
    head = path.read_bytes()
    wanted = "registry" if path.name in ("export.reg", "query.txt") else "netsh"
    assert parts(head) == [wanted]


@pytest.mark.parametrize("name", STRANGERS)
def test_other_files_are_not_claimed(name):
    assert not {"netsh", "registry"} & set(parts(STRANGERS[name]))


def test_prose_that_speaks_of_winhttp_is_not_claimed():
    prose = (
        b"We have set the proxy for all servers with netsh winhttp and it works now as WinHTTP:\nbut not for users\n"
    )
    assert parts(prose) == []
    assert parts(b"See HKEY_LOCAL_MACHINE\\SOFTWARE for the settings\n") == []


def test_the_labs_own_file_is_read_without_problems():
    with zipfile.ZipFile(LAB) as archive:
        data = archive.read("netsh_winhttp_show_proxy.txt")
    assert parts(data) == ["netsh"]
    batch = read(data)
    assert pairs(batch["settings"]) == [("proxy", "direct")]
    assert said(batch) == []


# hostile and broken input


@pytest.mark.parametrize("text", ["", "\n", "\0" * 50, "garbage\n" * 10, HEADER])
def test_a_text_without_settings_says_so(text):
    batch = read(text)
    assert batch["sources"]["promised"].tolist() == [0]
    assert "no entry" in said(batch)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_an_export_in_other_encodings(encoding):
    text = (SAMPLES / "netsh" / "export.reg").read_bytes().decode("utf-16")
    data = ("\ufeff" if encoding == "utf-16-be" else "") + text
    assert parts(data.encode(encoding)) == ["registry"]
    assert pairs(read(data.encode(encoding))["settings"])[5:7] == [
        ("(Default)", 'say "hello" in C:\\Temp'),
        ("ProxyEnable", "31"),
    ]


def test_a_line_of_megabytes_costs_itself_only():
    for start in (
        '"A"=hex:',
        '"A"="',
        "@=",
        '"',
        "[HKEY_",
        "    A    REG_SZ    ",
        "    Proxy : ",
        '{"Proxy": "',
        " " * 20,
    ):
        for filler in (" ", "00,", "\\", '"a":1,'):
            long = start + filler * (1_500_000 // len(filler))
            batch = read(f'{HEADER}[HKEY_LOCAL_MACHINE\\A]\n{long}\n"B"=dword:2\n')
            assert pairs(batch["settings"])[-1] == ("B", "2")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 2500), st.binary(max_size=20))
def test_bytes_cut_and_altered_anywhere_never_break_the_sums(path: Path, at, noise):
    data = path.read_bytes()
    read(data[:at] + noise + data[at + len(noise) :])
    read(data[:at])


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z ]{1,9}", fullmatch=True), st.integers(0, 2**32 - 1)), max_size=8))
def test_numbers_come_back_as_they_were(values):
    text = HEADER + "[HKEY_LOCAL_MACHINE\\A]\n" + "".join(f'"{name}"=dword:{value:08x}\n' for name, value in values)
    assert pairs(read(text)["settings"]) == [(name, str(value)) for name, value in values]


def test_every_label_of_these_tools_has_a_meaning():
    meanings = {"proxy", "bypass", "auto-config url", "auto-detect", "proxy enabled", "auto-config enabled"}
    meanings |= {"per-user proxy settings"}
    for row in rows("labels"):
        if row["tool"] in ("netsh", "registry"):
            assert row["column"] in meanings or row["column"].startswith("("), row
