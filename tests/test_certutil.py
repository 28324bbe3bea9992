"""certutil: what it printed becomes entries and certificates; what is cut, foreign or garbled is said."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import parts

from capi2kit.knowledge import check, rows
from capi2kit.loaders import certutil
from capi2kit.loaders.certutil.urlcache import cache_entries_in, cache_table
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.labels import column_of, labelled
from capi2kit.loaders.text.localtimes import columns_in_utc
from capi2kit.loaders.text.profiles import account_of

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"
LAB = HERE.parent / "datasets" / "lab" / "sharepoint-drop" / "evidence.zip"
ONE = r"""WinHttp Cache entry: 52 Bytes
  Source Url Name: "http://crl.contoso.example/root.crl"
  Local File Name: "C:\Users\farm\AppData\LocalLow\Microsoft\CryptnetUrlCache\Content\AA"
  Meta File Name: "C:\Users\farm\AppData\LocalLow\Microsoft\CryptnetUrlCache\MetaData\AA"
  File Size: 5250
  Last Sync Time: 2/13/2012 10:58 AM
"""
END = "CertUtil: -URLCache command completed successfully.\n"
STRANGERS = {
    "IIS log": b"#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time cs-uri-stem\r\n",
    "ULS log": b"Timestamp \tProcess \tTID\tArea\r\n03/05/2012 07:57:00.01\tw3wp.exe (0x1)\t0x2\tSharePoint Foundation\r\n",
    "XML": b'<?xml version="1.0"?><Events><Event><System/></Event></Events>',
    "markdown": b"# Notes\n\n--------\n| a | b |\n|---|---|\n",
    "rules": b"Title\n--------------------------------\nNot a certificate in sight: nothing.\n",
    "event log": b"ElfFile\0" + bytes(4096),
    "archive": b"PK\x03\x04" + bytes(range(256)),
    "noise": bytes(range(256)) * 16,
    "prose": b"The command prints WinHttp Cache entry: 52 Bytes for each of the files that it found in the cache.\n",
    "nothing": b"",
}


def read(data: bytes | str, *, tz: str | None = None) -> dict[str, pd.DataFrame]:
    """The one batch of a text; it must speak the vocabulary and add up."""
    data = data.encode() if isinstance(data, str) else data
    (batch,) = certutil.read(EvidenceFile("a.txt", data), asked=Asked(tz=tz))
    for table in ("cache_entries", "certificates", "problems", "sources"):
        check(batch[table], table)
    (source,) = batch["sources"].to_dict("records")
    assert source["promised"] == source["loaded"] + source["other"] + source["lost"]
    assert source["lost"] == batch["problems"]["lost"].sum()
    assert source["loaded"] == len(batch["cache_entries"]) + len(batch["certificates"])
    return batch


def sample(name: str, *, tz: str | None = None) -> dict[str, pd.DataFrame]:
    return read((SAMPLES / "certutil" / name).read_bytes(), tz=tz)


def said(batch: dict[str, pd.DataFrame]) -> list[str]:
    return batch["problems"]["error"].tolist()


def extra(table: pd.DataFrame, row: int) -> dict:
    return json.loads(table["extra"].iloc[row])


# -urlcache


def test_entries_of_the_cache_are_read_with_the_account_that_owns_it():
    entries = sample("urlcache_verbose.txt", tz="Europe/Berlin")["cache_entries"]
    assert entries["url"].tolist() == [
        "http://crl.contoso.example/pki/ContosoRoot.crl",
        "http://ocsp.contoso.example/ocsp/MFQwUjBQ",
    ]
    assert entries["account"].tolist() == ["S-1-5-20", "farm"]
    assert entries["url_role"].tolist() == ["CRL", "OCSP"]
    assert entries["bytes"].tolist() == [5250, 471]
    assert entries["line"].tolist() == [1, 10]
    assert set(entries["command"]) == {"urlcache"}
    assert entries["last_sync"].tolist() == [
        pd.Timestamp("2012-02-13 09:58", tz="UTC"),
        pd.Timestamp("2012-02-14 20:00", tz="UTC"),
    ]
    assert entries["last_sync_text"].tolist() == ["2/13/2012 10:58 AM", "2/14/2012 9:00 PM"]


def test_labels_without_a_column_are_kept():
    entries = sample("urlcache_verbose.txt")["cache_entries"]
    assert extra(entries, 0) == {
        "WinHttp Cache entry": "52 Bytes",
        "ETag": '"80ad9f7e61d9cc1:0"',
        "Object Type": "CRL",
    }


def test_the_short_form_is_a_url_on_each_line():
    batch = sample("urlcache_list.txt")
    assert batch["cache_entries"]["line"].tolist() == [1, 2, 3]
    assert batch["cache_entries"]["url_role"].tolist() == ["CRL", "OCSP", "CTL"]
    assert said(batch) == []


def test_without_a_zone_times_are_read_as_utc_and_it_is_said():
    batch = sample("urlcache_verbose.txt")
    assert batch["cache_entries"]["last_sync"].iloc[0] == pd.Timestamp("2012-02-13 10:58", tz="UTC")
    assert said(batch) == ["time zone unknown"]


@pytest.mark.parametrize("lines", range(2, 6))
def test_an_entry_that_the_file_cuts_off_is_kept_with_what_it_has_and_noted(lines):
    text = ONE + "\n" + "\n".join(ONE.splitlines()[:lines])
    batch = read(text, tz="UTC")
    assert len(batch["cache_entries"]) == 2
    assert batch["cache_entries"]["url"].iloc[1] == "http://crl.contoso.example/root.crl"
    assert said(batch) == ["incomplete entry"]
    assert "line 8" in batch["problems"]["message"].iloc[0]


def test_entries_that_certutil_counted_but_that_are_not_here_are_lost():
    batch = read(ONE + "\nWinHttp Cache entries: 3\n\n" + END, tz="UTC")
    assert batch["sources"][["promised", "loaded", "lost"]].iloc[0].tolist() == [3, 1, 2]
    assert said(batch) == ["missing entries"]
    assert said(read("WinHttp Cache entries: 2\n" + END))[0] == "missing entries"
    assert said(read(ONE + "\nWinHttp Cache entries: 1\n\n" + END, tz="UTC")) == []


def test_a_time_that_may_mean_two_days_is_missing_but_its_text_stays():
    batch = read(ONE.replace("2/13/2012 10:58 AM", "03/04/2012 10:58") + END, tz="UTC")
    assert batch["cache_entries"]["last_sync"].isna().all()
    assert batch["cache_entries"]["last_sync_text"].tolist() == ["03/04/2012 10:58"]
    assert said(batch) == ["time not understood"]


def test_a_file_size_that_is_no_number_is_kept_as_text():
    entries = read(ONE.replace("5250", "5.1 KB") + END, tz="UTC")["cache_entries"]
    assert entries["bytes"].isna().all()
    assert extra(entries, 0)["File Size"] == "5.1 KB"


def test_german_output_of_a_console_is_read():
    batch = sample("urlcache_de_cp850.txt", tz="Europe/Berlin")
    entries = batch["cache_entries"]
    assert entries["url"].tolist() == ["http://crl.contoso.example/Größe.crl"]
    assert entries["account"].tolist() == ["müller"]
    assert entries["bytes"].tolist() == [30436]
    assert entries["last_sync"].tolist() == [pd.Timestamp("2011-03-03 20:00", tz="UTC")]
    assert said(batch) == ["console code page"]


@pytest.mark.parametrize(
    ("encoding", "noted"), [("utf-8", []), ("utf-8-sig", []), ("utf-16", []), ("cp1252", ["wrong encoding"])]
)
def test_german_output_is_read_in_other_encodings(encoding, noted):
    text = (SAMPLES / "certutil" / "urlcache_de_cp850.txt").read_bytes().decode("cp850")
    batch = read(text.encode(encoding), tz="Europe/Berlin")
    assert batch["cache_entries"]["bytes"].tolist() == [30436]
    assert batch["cache_entries"]["account"].tolist() == ["müller"]
    assert said(batch) == noted
    assert parts(text.encode(encoding)) == ["certutil"]


def test_a_label_is_known_even_if_its_accents_were_destroyed():
    for damaged in ("Dateigröße", "Dateigr\ufffd\ufffde", "Dateigr”áe", "DateigrÃ¶ÃŸe"):
        assert column_of("certutil", damaged) == "bytes"
    assert column_of("certutil", "Dateiname") is None


def test_windows_line_ends_and_mixed_ones_make_no_difference():
    plain = read(ONE + "\n" + ONE + END, tz="UTC")["cache_entries"]
    mixed = read(ONE.replace("\n", "\r\n") + "\r\n" + ONE + END, tz="UTC")["cache_entries"]
    pd.testing.assert_frame_equal(plain, mixed)


# entries inside prose


def test_entries_run_together_on_one_line_are_found_inside_prose():
    flat = " ".join(ONE.split())
    text = f"If it shows 5250, as below, it is the new one. {flat} If it shows 29367 it is old: "
    text += flat.replace("5250", "29367") + "\nThanks: bye"
    new, old = cache_entries_in("A question\n" + text)
    assert (new["bytes"], old["bytes"]) == ("5250", "29367")
    assert (new["line"], old["line"]) == ("2", "2")
    assert new["local_file"].endswith(r"Content\AA")
    assert new["account"] == "farm"
    assert new["last_sync_text"] == "2/13/2012 10:58 AM"
    assert json.loads(old["extra"]) == {"WinHttp Cache entry": "52 Bytes"}


def test_entries_on_lines_of_their_own_are_found_inside_prose_and_prose_stays_outside():
    (entry,) = cache_entries_in(f"Hi,\nhere:\n\n{ONE}  ETag: x\nBest regards: Jo\n")
    assert entry["line"] == "4"
    assert json.loads(entry["extra"]) == {"WinHttp Cache entry": "52 Bytes", "ETag": "x"}


def test_an_entry_without_its_heading_is_found():
    (entry,) = cache_entries_in("I see\n" + ONE.partition("\n")[2])
    assert entry["bytes"] == "5250"


@pytest.mark.parametrize(
    "text", ["", "no entry here", "a WinHttp Cache entry: is what", "File Size: 12", "http://a.example/"]
)
def test_prose_without_an_entry_has_none(text):
    assert cache_entries_in(text) == []


def test_what_was_found_becomes_a_table():
    table = cache_table(cache_entries_in(ONE), tz="UTC", problems=Problems())
    check(table, "cache_entries")
    assert table["bytes"].tolist() == [5250]
    assert len(cache_table([], tz=None, problems=Problems())) == 0


@pytest.mark.real
def test_the_two_entries_of_a_real_forum_post_are_found(real_logs):
    posts = sorted((real_logs.parent / "seeds").glob("003_*.txt"))
    if not posts:
        pytest.skip("the forum post is not beside the real logs")
    entries = cache_entries_in(posts[0].read_text(encoding="utf-8"))
    assert [entry["bytes"] for entry in entries] == ["30436", "29367"]
    assert {entry["url_role"] for entry in entries} == {"CTL"}
    assert parts(posts[0].read_bytes()) == []


@pytest.mark.parametrize(
    ("path", "account"),
    [
        (r"C:\Windows\ServiceProfiles\NetworkService\AppData\x", "S-1-5-20"),
        (r"C:\WINDOWS\serviceprofiles\LocalService\AppData\x", "S-1-5-19"),
        (r"C:\Windows\System32\config\systemprofile\AppData\x", "S-1-5-18"),
        (r"D:\Users\Jo Doe\AppData\x", "Jo Doe"),
        (r"C:\Temp\x", None),
        (None, None),
    ],
)
def test_a_path_tells_the_account(path, account):
    assert account_of(path) == account


# -verify -urlfetch


def test_every_url_that_was_tried_is_a_row():
    fetched = sample("verify_urlfetch.txt", tz="UTC")["cache_entries"]
    assert fetched[["url_role", "status", "elapsed_s"]].values.tolist() == [
        ["AIA", "Verified", 0.0],
        ["CRL", "Failed", 15.0],
        ["CRL", "OK", 4.0],
        ["OCSP", "Verified", 1.0],
    ]
    assert fetched["url"].str.partition(":")[0].tolist() == ["http", "http", "ldap", "http"]
    assert fetched["result"].isna().tolist() == [True, False, True, True]
    assert fetched["result"].iloc[1] == 0x80072EE7
    assert set(fetched["command"]) == {"urlfetch"}
    assert extra(fetched, 2)["object"] == "Base CRL (5c)"
    assert extra(fetched, 1)["certificate"] == "4F2AA3DF007C2193E719A7BFE75CF98523636D54"


def test_the_chain_becomes_certificates_and_the_crl_used_as_well():
    batch = sample("verify_urlfetch.txt", tz="UTC")
    chain = batch["certificates"]
    assert chain["kind"].tolist() == ["certificate", "crl", "certificate"]
    assert chain["position"].tolist() == [0, 1, 2]
    assert chain["event"].isna().all()
    assert chain["source"].tolist() == [0, 0, 0]
    assert chain["subject"].iloc[0] == "CN=sp01.contoso.example"
    assert chain["not_after"].iloc[0] == pd.Timestamp("2014-04-25 19:36", tz="UTC")
    assert chain["thumbprint"].iloc[1] == "C1D2E3F405162738495A6B7C8D9E0F1021324354"
    assert chain["crl_number"].iloc[1] == "5C"
    assert chain["next_update"].iloc[1] == pd.Timestamp("2012-05-27 04:25", tz="UTC")
    assert extra(chain, 0)["dwErrorStatus"] == "0x1000040"
    assert extra(chain, 0)["Application[0]"] == "1.3.6.1.5.5.7.3.1 Server Authentication"
    assert extra(chain, 2)["no urls"] == ["Certificate AIA", "Certificate CDP", "Certificate OCSP"]
    assert any("0x80092013" in line for line in extra(chain, 0)["verdict"])
    assert said(batch) == []


def test_a_chain_that_is_cut_off_inside_a_fetch_keeps_the_fetch():
    text = (SAMPLES / "certutil" / "verify_urlfetch.txt").read_text().partition("    Error retrieving")[0]
    batch = read(text, tz="UTC")
    assert batch["cache_entries"]["status"].tolist() == ["Verified", "Failed"]
    assert batch["cache_entries"]["url"].isna().tolist() == [False, True]
    assert said(batch) == ["no URL"]


def test_a_chain_that_lost_its_indentation_is_read():
    text = "\n\n".join(line.strip() for line in (SAMPLES / "certutil" / "verify_urlfetch.txt").read_text().splitlines())
    batch = read(text, tz="UTC")
    assert len(batch["cache_entries"]) == 4
    assert batch["certificates"]["kind"].tolist() == ["certificate", "crl", "certificate"]


# -dump, and what was deleted

DUMP = """C:\\>certutil -dump issuing1.crl
X509 Certificate Revocation List:
Version: 2
Issuer:
    CN=Contoso Issuing CA 1
    DC=contoso
  Name Hash(sha1): 55758060d1c853dbf76f17adb6e8a46007e2a017

 ThisUpdate: 3/1/2024 3:01 AM
 NextUpdate: 3/8/2024 3:21 PM
CRL Entries: 1
  Serial Number: 2b00000011f3c3bf591575b554000000000011
   Revocation Date: 2/12/2024 10:01 AM

CRL Extensions: 1
    2.5.29.20: Flags = 0, Length = 4
    CRL Number
        CRL Number=012a

CRL Hash(sha1): a95489d7bf1887e7cd8f2a4ff5257cb1536bd312
CertUtil: -dump command completed successfully.
"""


def test_the_dump_of_a_list_is_a_list():
    row = read(DUMP, tz="UTC")["certificates"].iloc[0]
    assert row[["kind", "issuer", "crl_number"]].tolist() == ["crl", "CN=Contoso Issuing CA 1, DC=contoso", "012A"]
    assert str(row["next_update"]) == "2024-03-08 15:21:00+00:00" and row["thumbprint"].startswith("A95489D7")
    assert pd.isna(row["serial"])  # that is a certificate on the list


def test_what_was_deleted_from_the_cache_is_not_in_it():
    url = "http://crl.contoso.example/a.crl"
    batch = read(
        f"{url}\nWinHttp Cache entries deleted: 1\nCertUtil: -URLCache command completed successfully.\n", tz="UTC"
    )
    assert batch["cache_entries"].empty and said(batch)[0] == "deleted entries"


# -store


def test_a_store_is_read():
    batch = sample("store.txt", tz="America/New_York")
    found = batch["certificates"]
    assert found["kind"].tolist() == ["certificate", "certificate", "crl"]
    assert found["store"].tolist() == ["Root"] * 3
    assert found["thumbprint"].iloc[0] == "B805E6AB548F6E7C57D3989F61DE7FE6A51031D1"
    assert found["serial"].iloc[1] == "9F8E7D6C5B"
    assert found["not_before"].iloc[1] == pd.Timestamp("2001-06-01 04:00", tz="UTC")
    assert found["this_update"].iloc[2] == pd.Timestamp("2012-05-20 20:05", tz="UTC")
    assert extra(found, 1) == {
        "Root Certificate": "Subject matches Issuer",
        "lines": "No key provider information",
    }
    assert said(batch) == []


def test_names_on_several_lines_are_put_on_one():
    (found,) = sample("store_verbose.txt", tz="UTC")["certificates"].to_dict("records")
    assert found["issuer"] == "CN=Contoso Root CA, DC=contoso, DC=example"
    assert found["subject"] == "CN=Contoso Issuing CA 1, DC=contoso, DC=example"
    assert found["thumbprint"] == "0102030405060708090A0B0C0D0E0F1011121314"
    assert found["store"] == "CA"


def test_a_german_store_is_read():
    batch = sample("store_de_cp850.txt", tz="Europe/Berlin")
    (found,) = batch["certificates"].to_dict("records")
    assert found["issuer"] == "CN=Contoso Müller CA"
    assert found["subject"] == "CN=www.größe.example"
    assert found["not_after"] == pd.Timestamp("2014-06-30 23:00", tz="UTC")
    assert found["kind"] == "certificate"
    assert said(batch) == ["console code page"]


def test_labels_of_an_unknown_language_are_kept_and_it_is_said():
    text = 'My "Personnel"\n================ Certificat 0 ================\nObjet: CN=a\nFin: x\nCertUtil: -store OK\n'
    batch = read(text)
    assert batch["certificates"]["kind"].isna().all()
    assert extra(batch["certificates"], 0) == {"Objet": "CN=a", "Fin": "x"}
    assert said(batch) == ["incomplete entry"]


def test_a_date_too_late_to_store_is_kept_as_text():
    text = (SAMPLES / "certutil" / "store.txt").read_text().replace("4/25/2030", "12/31/9999")
    batch = read(text, tz="UTC")
    assert batch["certificates"]["not_after"].isna().iloc[0]
    assert extra(batch["certificates"], 0)["not_after"] == "12/31/9999 6:25 PM"
    assert said(batch) == ["time not understood"]


def test_several_commands_in_one_file_are_all_read():
    text = "".join(
        (SAMPLES / "certutil" / f"{name}.txt").read_text() for name in ("store", "urlcache_list", "verify_urlfetch")
    )
    batch = read(text + ONE + END, tz="UTC")
    assert len(batch["certificates"]) == 3 + 3
    assert batch["cache_entries"]["command"].tolist() == ["urlcache"] * 3 + ["urlfetch"] * 4 + ["urlcache"]
    assert batch["certificates"]["store"].tolist()[:3] == ["Root"] * 3
    assert batch["certificates"]["store"].isna().tolist()[3:] == [True] * 3
    assert said(batch) == []


# times


def read_times(*texts: str, tz: str = "UTC") -> list:
    columns, _ = columns_in_utc({"a": texts}, tz=tz, problems=Problems())
    return [None if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M:%S}" for stamp in columns["a"]]


def test_known_forms_of_times():
    assert read_times("3/4/2011 9:00 PM", "12/1/2011 12:05 AM", "12/1/2011 12:05:09 PM") == [
        "2011-03-04 21:00:00",
        "2011-12-01 00:05:00",
        "2011-12-01 12:05:09",
    ]
    assert read_times("04.03.2011 21:00", "2011-03-04 21:00", "3/4/2011 9:00\u202fPM") == ["2011-03-04 21:00:00"] * 3


def test_where_the_day_comes_first_in_one_time_it_does_in_all():
    assert read_times("3/4/2011 9:00 PM", "25/4/2011 9:00 PM") == ["2011-04-03 21:00:00", "2011-04-25 21:00:00"]


@pytest.mark.parametrize(
    "text", ["", "5/17/16 5:00 PM", "03/04/2011 21:00", "13/13/2011 1:00 PM", "31.02.2011 10:00", "soon"]
)
def test_other_texts_are_no_times(text):
    assert read_times(text) == [None]


def test_the_order_of_entries_tells_nothing_of_an_hour_shown_twice():
    problems = Problems()
    columns, _ = columns_in_utc({"a": ["30.10.2011 02:30", "30.10.2011 02:10"]}, tz="Europe/Berlin", problems=problems)
    assert [f"{stamp:%H:%M}" for stamp in columns["a"]] == ["01:30", "01:10"]
    assert problems.table()["error"].tolist() == ["time shown twice"]


# who claims what


@pytest.mark.parametrize("path", sorted((SAMPLES / "certutil").iterdir()), ids=lambda path: path.name)
def test_only_this_loader_claims_its_samples(path):
    head = path.read_bytes()
    assert parts(head) == ["certutil"]


@pytest.mark.parametrize("name", STRANGERS)
def test_other_files_are_not_claimed(name):
    assert "certutil" not in parts(STRANGERS[name])


def test_output_below_a_prompt_is_claimed():
    assert parts(b"C:\\>certutil -urlcache -v\r\n" + ONE.encode()) == ["certutil"]
    assert parts((b"http://a.example/a.crl\r\n" * 600) + END.encode()) == ["certutil"]


def test_the_labs_own_files_are_read_without_problems():
    with zipfile.ZipFile(LAB) as archive:
        names = [name for name in archive.namelist() if Path(name).name.startswith("certutil_")]
        for name in names:
            data = archive.read(name)
            assert parts(data) == ["certutil"]
            batch = read(data)
            assert len(batch["cache_entries"]) == 18
            assert said(batch) == ["time zone unknown"]
    assert len(names) == 2


# hostile and broken input


@pytest.mark.parametrize("text", ["", "\n\n", "\0" * 100, END, "garbage\n" * 10])
def test_a_text_without_entries_says_so(text):
    batch = read(text)
    assert batch["sources"]["promised"].tolist() == [0]
    assert "no entry" in said(batch)


def test_a_line_of_megabytes_costs_itself_only():
    for filler in (" ", "A", "WinHttp Cache entry: ", 'Failed "', "CertContext[0][0]: ", "-", "=", "[0.0] http://"):
        long = filler * (2_000_000 // len(filler))
        batch = read(f"{ONE}  ETag: {long}\n\n{ONE}{END}", tz="UTC")
        assert batch["cache_entries"]["url"].tolist()[-1] == "http://crl.contoso.example/root.crl"
        assert "line too long" in said(batch)


def test_a_label_named_like_our_own_parts_does_no_harm():
    entries = read(ONE + "  lines: x\n  plain\n  lines: y\n" + END, tz="UTC")["cache_entries"]
    assert extra(entries, 0)["lines"] == ["x", "plain", "y"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.binary(max_size=20))
def test_bytes_cut_and_altered_anywhere_never_break_the_sums(at, noise):
    data = (SAMPLES / "certutil" / "verify_urlfetch.txt").read_bytes() + (ONE * 2).encode()
    read(data[:at] + noise + data[at + len(noise) :])
    read(data[:at])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9))
def test_as_many_entries_are_found_as_were_printed(entries, urls):
    count = f"WinHttp Cache entries: {entries}\n{END}"
    listed = "".join(f"http://a.example/{i}.crl\n" for i in range(urls)) + f"\nWinHttp Cache entries: {urls}\n{END}"
    batch = read((ONE + "\n") * entries + count + listed, tz="UTC")
    assert len(batch["cache_entries"]) == entries + urls
    assert batch["sources"]["lost"].tolist() == [0]


@given(st.text(max_size=200))
def test_any_text_may_be_searched_for_entries_and_labels(text):
    cache_entries_in(text + "File Size: 1 " + text)
    for pair in filter(None, (labelled(text), labelled(f"File Size: {text}"))):
        assert pair[0] and pair[0] in f"File Size: {text}"
    assert labelled("File Size: 1") is not None


def test_every_label_fills_a_column_or_is_a_part_in_brackets():
    from capi2kit.knowledge import columns

    known = {*columns("cache_entries"), *columns("certificates")}
    for row in rows("labels"):
        if row["tool"] == "certutil":
            assert row["column"] in known or row["column"].startswith("("), row
