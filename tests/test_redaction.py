"""Redaction: names become pseudonyms of a key, in tables, texts and logs; the seconds and the findings stay."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import scenarios
from hypothesis import given
from hypothesis import strategies as st
from unpacked import contents

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.knowledge import columns, rows
from capi2kit.knowledge.urls import url_role
from capi2kit.redaction import Key, Redactor, identify, open_key, redacted_case, redactor_for, save_key
from capi2kit.redaction.files import redacted_text
from capi2kit.redaction.leaks import names_left, secret_names
from capi2kit.redaction.public import is_public
from capi2kit.redaction.vocabulary import Vocabulary

SECRET = b"k" * 32
LAB = scenarios.LAB


def redactor(**learned: list[str]) -> Redactor:
    """A redactor that has learned these values, by kind."""
    vocabulary = Vocabulary()
    for kind, values in learned.items():
        for value in values:
            vocabulary.learn(kind, value)
    return Redactor(vocabulary, Key(SECRET))


HOST = "SP01.contoso.example"
KNOWN = {
    "host": [HOST],
    "user": [r"CONTOSO\anna", "farm"],
    "path": [r"C:\Program Files\Orders\bin\Contoso.Portal.dll"],
    "subject": ["Contoso Code Signing", "Microsoft Code Signing PCA"],
    "image": ["OrdersApi.exe", "w3wp.exe"],
    "url": ["http://pki.contoso.example/crl/ContosoRoot.crl"],
}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (HOST, r"n-\w{8}\.n-\w{8}\.invalid"),
        ("SP01", r"n-\w{8}"),
        ("w3wp.exe on sp01.CONTOSO.example", r"w3wp\.exe on n-\w{8}\.n-\w{8}\.invalid"),
        (r"CONTOSO\anna", r"n-\w{8}\\u-\w{8}"),
        ("mail to anna.b@contoso.example", r"mail to u-\w{8}@n-\w{8}\.invalid"),
        (r"C:\Program Files\Orders\bin\Contoso.Portal.dll", r"C:\\Program Files\\f-\w{8}\\bin\\f-\w{8}\.dll"),
        (r"C:\Windows\System32\crypt32.dll", r"C:\\Windows\\System32\\crypt32\.dll"),
        (r"\\fs01.contoso.example\share\x.dll", r"\\\\n-\w{8}\.n-\w{8}\.invalid\\f-\w{8}\\f-\w{8}\.dll"),
        ("Contoso.Portal, Version=14.0.0.0", r"f-\w{8}, Version=14\.0\.0\.0"),
        (
            "http://pki.contoso.example:8080/crl/ContosoRoot.crl?a=b",
            r"http://pki\.n-\w{8}\.invalid:8080/crl/f-\w{8}\.crl\?x-\w{8}=x-\w{8}",
        ),
        ("http://crl.microsoft.com/pki/crl/products/x.crl", r"http://crl\.microsoft\.com/pki/crl/products/x\.crl"),
        (
            "(GET:http://sp01:80/_layouts/a.aspx)). Execution Time=3",
            r"\(GET:http://n-\w{8}:80/_layouts/f-\w{8}\.aspx\)\)\. Execution Time=3",
        ),
        ("S-1-5-21-1-2-3-1107", r"S-1-5-21-\d+-\d+-\d+-\d+"),
        ("S-1-5-21-1-2-3-500", r"S-1-5-21-\d+-\d+-\d+-500"),
        ("S-1-5-20", "S-1-5-20"),
        ("10.86.20.11:80", r"10\.\d+\.\d+\.\d+:80"),
        ("127.0.0.1", r"127\.0\.0\.1"),
        ("Version=10.0.0.0", r"Version=10\.0\.0\.0"),
        ("fe80::1c2b:3a", r"fe80::[0-9a-f:]+"),
        ("Microsoft Code Signing PCA", "Microsoft Code Signing PCA"),
        ("Contoso Code Signing", r"s-\w{8}"),
        ("OrdersApi.exe (42)", r"f-\w{8}\.exe \(42\)"),
        ("AB" * 20 + ".cer", r"[0-9A-F]{40}\.cer"),
        ("{6BAB0C7C-3E12-4D24-AFD4-0779C836408E}", r"\{6BAB0C7C-3E12-4D24-AFD4-0779C836408E\}"),
        ("2012-03-05T07:00:04.7279489Z 0x80092013 PT15S", r"2012-03-05T07:00:04\.7279489Z 0x80092013 PT15S"),
    ],
)
def test_a_text_keeps_its_form_and_loses_its_names(text, made):
    found = redactor(**KNOWN).text(text)
    assert re.fullmatch(made, found), found
    assert (found == text) == (
        re.fullmatch(made, text) is not None and "\\w" not in made and "\\d" not in made and "[" not in made
    )


def test_a_pseudonym_depends_on_the_key_and_the_name_only():
    one, same, other = (Redactor(redactor(**KNOWN).vocabulary, Key(secret)) for secret in (SECRET, SECRET, b"z" * 32))
    assert one.text("SP01") == same.text("sp01") != other.text("SP01")
    assert one.text("http://sp01/x") == same.text("http://sp01/x")
    assert one.text(HOST).split(".")[0] == one.text("SP01")  # a computer with and without its domain is one computer


def test_a_hash_and_a_sid_stay_what_they_are_and_are_always_the_same():
    made = redactor()
    assert made.text("ab" * 20) == made.text("ab" * 20) != "ab" * 20 and made.text("ab" * 20).islower()
    users = [made.text(f"S-1-5-21-1-2-3-{number}") for number in (1107, 1108)]
    assert users[0] != users[1] and users[0].rsplit("-", 1)[0] == users[1].rsplit("-", 1)[0]


@given(st.ip_addresses())
def test_an_address_becomes_one_of_its_kind(address):
    made = ipaddress.ip_address(redactor(endpoint=[str(address)]).text(str(address)))
    assert made.version == address.version
    if address.is_loopback or address.is_multicast or address.is_unspecified:
        assert made == address


@given(st.text(max_size=60))
def test_any_text_can_be_redacted_and_redacting_knows_no_error(text):
    made = redactor(**KNOWN).text(text)
    assert isinstance(made, str) and not names_left(made.encode("utf-8", "replace"), ["sp01", "contoso code signing"])


def test_a_word_that_the_log_itself_uses_is_not_a_name():
    vocabulary = Vocabulary()
    vocabulary.learn("path", r"D:\Wire\Orders\x.dll")
    vocabulary.protect({"wire"})
    made = Redactor(vocabulary, Key(SECRET))
    assert made.text("Wire") == "Wire" and made.text("Orders") != "Orders"
    assert "Wire" not in made.text(r"D:\Wire\Orders\x.dll")


@pytest.mark.parametrize(
    "url",
    sorted(
        {row["url"] for row in []}
        | {
            "http://a.b.example/ocsp",
            "http://ocsp.b.example",
            "http://a.b.example/x/y.crl",
            "http://a.b.example/Root.crt",
            "http://a.b.example/msdownload/update/v3/static/trustedr/en/authrootstl.cab",
            "ldap:///CN=x,DC=b?certificateRevocationList?base",
        }
    ),
)
def test_what_an_address_is_fetched_for_can_still_be_seen(url):
    made = redactor(url=[url]).text(url)
    assert url_role(made) == url_role(url) and ("b.example" not in made)


# ---- Keys.


def test_a_key_is_made_for_its_owner_only_and_knows_the_names(tmp_path):
    path = tmp_path / "case.key"
    key = open_key(path)
    made = Redactor(redactor(**KNOWN).vocabulary, key).text(f"{HOST}, {KNOWN['path'][0]}")
    save_key(key, path)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_key(path) == key and identify(made, open_key(path)) == f"{HOST}, {KNOWN['path'][0]}"


def test_names_of_two_runs_are_both_kept(tmp_path):
    path = tmp_path / "case.key"
    first = open_key(path)
    save_key(first, path)
    second, third = open_key(path), open_key(path)
    second.names["n-a"], third.names["n-b"] = "A", "B"
    save_key(second, path)
    save_key(third, path)
    assert open_key(path).names == {"n-a": "A", "n-b": "B"}


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"secret": "zz", "names": {}}', '{"schema": "x", "secret": "00", "names": {}}']
)
def test_a_file_that_is_no_key_is_named_and_left_alone(content, tmp_path):
    (tmp_path / "x").write_text(content)
    (tmp_path / "x").chmod(0o600)
    with pytest.raises(c2.OutputError, match="is not a key"):
        open_key(tmp_path / "x")
    assert (tmp_path / "x").read_text() == content


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_a_key_that_others_can_read_is_refused(tmp_path):
    save_key(Key(SECRET), tmp_path / "k")
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(c2.OutputError, match="others can read this key: chmod 600"):
        open_key(tmp_path / "k")


# ---- Tables.


def same_seconds(one: c2.Analysis, other: c2.Analysis) -> None:
    """Waits, start-ups, ledger and findings are the same."""
    for table, names in {
        "waits": ["wait_s", "low_s", "high_s", "quality", "outcome", "url_role", "result", "account_kind"],
        "startups": ["wall_s", "waiting_wall_s", "unexplained_s", "targets", "warm"],
        "ledger": ["kind", "ns"],
    }.items():
        for name in names:
            old, new = (
                getattr(one, table)[name].reset_index(drop=True),
                getattr(other, table)[name].reset_index(drop=True),
            )
            pd.testing.assert_series_equal(old, new, check_dtype=False)
    for name in ("rule", "severity", "certainty", "cost_s", "evidence"):
        assert one.findings[name].astype(str).tolist() == other.findings[name].astype(str).tolist(), name


@pytest.mark.parametrize(
    "scenario",
    [
        "sharepoint-drop",
        "farm-proxy-drift",
        "nps-clients-denied",
        "revoked",
        "sts-root-missing",
        "service-missed-start",
    ],
)
def test_a_redacted_case_gives_the_same_seconds_and_findings(scenario):
    analysis = scenarios.analysed(scenario)
    made = redactor_for(analysis.case, Key(SECRET))
    case = redacted_case(analysis.case, made)
    same_seconds(analysis, c2.analyse(case))
    for name in ("events", "chain", "settings", "cache_entries"):
        assert len(getattr(case, name)) == len(getattr(analysis.case, name))
    assert (
        case.events.index.names == ["task_id", "process"]
        and case.events["time"].tolist() == analysis.case.events["time"].tolist()
    )


def test_every_private_column_exists_and_every_column_with_names_is_private():
    listed = {(row["table"], row["column"]) for row in rows("private")}
    assert all(column in columns(table) for table, column in listed)
    for table in {table for table, _ in listed}:
        named = {"host", "url", "subject", "issuer", "thumbprint", "user_name", "file_path", "process", "account"}
        for column in named & columns(table).keys() - {name for one, name in listed if one == table}:
            assert (table, column) in {
                ("coverage", "host"),
                ("verifications", "issuer"),
                ("cache_entries", "account"),
            }, (table, column)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("folder", "system32"),
        ("image", "W3WP.EXE"),
        ("subject", "Microsoft Corporation"),
        ("product", "SharePoint Root Authority"),
        ("host", "crl3.digicert.com"),
        ("file", "Microsoft.SharePoint.dll"),
    ],
)
def test_what_everybody_may_know_stays(kind, name):
    assert is_public(kind, name) and not is_public(kind, "Contoso")


# ---- Files.


def run(capsys, *arguments):
    code = 0
    try:
        main([str(one) for one in arguments])
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("scenario", ["sharepoint-drop", "farm-proxy-drift"])
def test_redacted_evidence_is_evidence_with_the_same_seconds(scenario, tmp_path, capsys):
    code, out, err = run(capsys, "redact", LAB / scenario, "-o", tmp_path / "x.zip", "--redact", tmp_path / "k", "-q")
    assert code == 0 and re.search(r"None of the \d+ names and hashes of the evidence is left in it\.", out)
    assert re.search(r"The same \d+ waits \(.*\), start-ups and \d findings as before\.", out), err
    same_seconds(scenarios.analysed(scenario, None), c2.analyse(c2.load(tmp_path / "x.zip")))


def test_a_redacted_log_is_a_log_that_every_reader_opens(small_log, tmp_path, capsys):
    run(capsys, "redact", small_log, "-o", tmp_path / "x.evtx", "--redact", tmp_path / "k", "-q")
    case = c2.load(tmp_path / "x.evtx")
    assert len(case.events) == 12 and case.sources["lost"].sum() == 0 and case.problems.empty
    assert case.events["record"].tolist() == list(range(1, 13))
    xml = c2.record_xml(case, 4)
    assert "WEB01" not in xml and "crl.example" not in xml and "PT10S" in xml


@pytest.mark.parametrize("ending", [".xml", ".csv", ".jsonl", ".parquet"])
def test_tables_and_xml_can_be_redacted(small_log, ending, tmp_path, capsys):
    code, _, _ = run(capsys, "redact", small_log, "-o", tmp_path / f"x{ending}", "--redact", tmp_path / "k", "-q")
    assert code == 0
    for path in tmp_path.glob("x*"):
        assert not names_left(path.read_bytes(), ["web01", "slow", "crl.example", "contoso code signing"]), path


def test_the_original_is_never_written_over_and_neither_is_the_key(small_log, tmp_path, capsys):
    log = Path(shutil.copy(small_log, tmp_path / "log.evtx"))
    assert run(capsys, "redact", log, "-o", log, "--redact", tmp_path / "k", "--force")[0] == 2
    run(capsys, "redact", log, "-o", tmp_path / "x.evtx", "--redact", tmp_path / "k", "-q")
    before = (tmp_path / "k").read_bytes()
    code, _, err = run(capsys, "report", log, "--redact", tmp_path / "k", "-o", tmp_path / "k", "-f", "html", "--force")
    assert code == 2 and (tmp_path / "k").read_bytes() == before, err
    assert log.read_bytes() == small_log.read_bytes()


def test_a_name_that_would_be_left_stops_the_writing(small_log, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("capi2kit.redaction.texts.Redactor.text", lambda self, value: value)
    code, _, err = run(capsys, "redact", small_log, "-o", tmp_path / "x.evtx", "--redact", tmp_path / "k", "-q")
    assert code == 2 and "would be left in it" in err and not (tmp_path / "x.evtx").exists()


def test_names_are_put_back_with_the_key(small_log, tmp_path, capsys):
    run(capsys, "report", small_log, "-o", tmp_path / "x.txt", "--redact", tmp_path / "k", "-q")
    text = " ".join((tmp_path / "x.txt").read_text(encoding="utf-8").split())
    shown = re.search(r"on (n-\w{8})", text)[1]
    assert run(capsys, "redact", "--identify", f"see {shown}", "--redact", tmp_path / "k")[1] == "see WEB01\n"


def test_what_visitors_wrote_and_dumps_of_bytes_are_left_out():
    web = "#Fields: date cs-uri-stem cs-uri-query cs(User-Agent)\n2012-03-05 /a.aspx id=7&name=anna Mozilla"
    assert redacted_text(web, redactor(), web=True).endswith("/a.aspx - -")
    dump = "Serial Number: 17\n0000  30 82 01 02 03 04 05 06   0.......\n"
    assert redacted_text(dump, redactor()).split("\n")[1] == "(bytes left out)"


def test_a_redacted_report_can_select_by_the_true_name(small_log, tmp_path, capsys):
    code, _, _ = run(
        capsys, "report", small_log, "-o", tmp_path / "x.json", "--redact", tmp_path / "k", "--host", "WEB01", "-q"
    )
    found = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert code == 0 and len(found["tables"]["waits"]["rows"]) == 2 and "WEB01" not in json.dumps(found)


# ---- No name is left: every output, every byte.


def is_secret(kind: str, value: str) -> bool:
    """Whether a value of a kind must not be shown."""
    if kind == "sid":
        return value.startswith("S-1-5-21-")
    if kind == "subject":
        return not is_public("subject", value) and not is_public("product", value)
    if kind == "path":
        return not is_public("file", value.rsplit("\\", 1)[-1])
    if kind == "url":
        return "//" in value and not is_public("host", value.split("/")[2])
    return kind in ("endpoint", "user") or (kind in ("host", "image") and not is_public(kind, value))


def tokens(case: c2.Case) -> list[str]:
    """The names of the redacted kinds, four letters or longer, listed from the tables themselves."""
    found: set[str] = set()
    for row in rows("private"):
        table = getattr(case, row["table"])
        table = table.reset_index() if row["table"] == "events" else table
        values = [one for one in table[row["column"]].dropna().astype(str).unique() if is_secret(row["kind"], one)]
        if row["kind"] == "user":
            parts = [part for value in values for part in value.split("\\")]
            values = [part for part in parts if not is_public("user", part) and not part.startswith("S-1-5-2")]
        elif row["kind"] == "host":
            values += [value.split(".")[0] for value in values]
        elif row["kind"] == "endpoint":
            values = [value.rsplit(":", 1)[0] for value in values]
        found.update(values)
    return sorted(one.casefold() for one in found if len(one) >= 4)


OUTPUTS = (
    ".html",
    ".pdf",
    ".docx",
    ".md",
    ".xlsx",
    ".json",
    ".txt",
    ".csv",
    ".jsonl",
    ".parquet",
    ".trace.json",
    ".timesketch.jsonl",
)


def words_of_ours() -> set[str]:
    """The words of our own remedies and rules: an account may be called `farm`, and a remedy speaks of the farm."""
    texts = [path.read_text(encoding="utf-8") for path in Path(c2.__file__).parent.glob("data/*/*.toml")]
    return set(re.findall(r"[a-z]+", " ".join(texts)))


def leaks_in(folder: Path, names: list[str]) -> list[tuple[str, list[str]]]:
    """The names that are left in any byte of any file of a folder, archives and streams unpacked."""
    found = []
    for path in sorted(folder.iterdir()):
        for place, part in contents(path.read_bytes(), path.name):
            long = [name for name in names if len(name) > 5]  # the pixels of a picture hold any four letters by chance
            if left := names_left(part, long if place.endswith(".png") else names):
                found.append((place, left))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("what", ["fix-before", "farm-proxy-drift", pytest.param("wks05", marks=pytest.mark.real)])
def test_no_name_is_left_in_any_byte_of_any_output(what, tmp_path, capsys, request):
    log = LAB / what
    if what == "wks05":
        log = request.getfixturevalue("real_logs") / "evtx" / "capi2_operational_wks05_2016-2018.evtx"
    case = c2.load(log)
    vocabulary = redactor_for(case, Key(SECRET)).vocabulary
    ordinary = {
        word for word, kind in vocabulary.words.items() if kind == "file" and word.isalpha()
    }  # folders such as `work`
    names = sorted({*tokens(case), *secret_names(vocabulary)} - ordinary - words_of_ours())
    assert len(names) > 20
    out = tmp_path / "out"
    out.mkdir()
    key = tmp_path / "k"
    for ending in OUTPUTS:
        verb = "report" if ending in OUTPUTS[:7] else "export"
        more = ["--client", "Z"] if verb == "report" else []
        code, shown, err = run(capsys, verb, log, "-o", out / f"x{ending}", "--redact", key, "-q", *more)
        assert code == 0, err
        (out / f"said{ending}.txt").write_text(shown.replace(str(tmp_path), ""), encoding="utf-8")
    for verb in ("summary", "waits", "whatif", "accounts", "coverage", "info", "events", "spans", "prefetch", "clock"):
        (out / f"{verb}.txt").write_text(run(capsys, verb, log, "--redact", key, "-q")[1], encoding="utf-8")
    run(capsys, "redact", log, "-o", out / "evidence.zip", "--redact", key, "-q")
    assert zipfile.is_zipfile(out / "evidence.zip")
    assert leaks_in(out, names) == []


@pytest.mark.slow
def test_a_leak_would_be_seen(tmp_path, capsys):
    """The same search finds the names in outputs that are not redacted, in every format."""
    case = c2.load(LAB / "fix-before")
    names = tokens(case)
    for ending in OUTPUTS:
        folder = tmp_path / ending
        folder.mkdir()
        verb = "report" if ending in OUTPUTS[:7] else "export"
        run(capsys, verb, LAB / "fix-before", "-o", folder / f"x{ending}", "-q")
        assert any("web70.contoso.example" in left for _, left in leaks_in(folder, names)), ending


@pytest.mark.slow
@pytest.mark.parametrize("notebook", ["01_first_look", "03_slow_spinup", "05_before_and_after"])
def test_no_name_is_left_in_a_notebook_on_redacted_evidence(notebook, tmp_path, capsys, monkeypatch):
    """What a notebook prints and shows, its pictures as text aside: they are drawn from the same tables."""
    import nbformat
    from nbclient import NotebookClient

    case = c2.load(LAB / "fix-before")
    names = sorted({*tokens(case), *secret_names(redactor_for(case, Key(SECRET)).vocabulary)} - words_of_ours())
    run(capsys, "redact", LAB / "fix-before", "-o", tmp_path / "x.evtx", "--redact", tmp_path / "k", "-q")
    monkeypatch.setenv("LOG", str(tmp_path / "x.evtx"))
    folder = LAB.parents[1] / "notebooks"
    made = nbformat.read(folder / f"{notebook}.ipynb", as_version=4)
    NotebookClient(made, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [
        text
        for cell in made.cells
        for output in cell.get("outputs", [])
        for kind, text in {**output.get("data", {}), "text": output.get("text", "")}.items()
        if not kind.startswith("image/png")
    ]
    assert len(shown) > 5 and names_left("\n".join(map(str, shown)).encode(), names) == []


def test_a_redacted_report_for_a_customer_has_the_records_with_pseudonyms(tmp_path, capsys):
    out, key = tmp_path / "x.html", tmp_path / "k"
    assert run(capsys, "report", LAB / "fix-before", "-o", out, "--client", "Z", "--redact", key, "-q")[0] == 0
    text = out.read_text(encoding="utf-8")
    assert "&lt;EventRecordID&gt;" in text and "web70" not in text.casefold()
    (name,) = set(re.findall(r"&lt;Computer&gt;(.*?)&lt;", text))
    assert identify(name, open_key(key)) == "WEB70.contoso.example"
