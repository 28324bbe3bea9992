"""Knowledge: every row of `data/` can be read, says where it is from, and stands once."""

import re

import pandas as pd
import pytest

from capi2kit import knowledge
from capi2kit.columns.cells import empty
from capi2kit.diagnosis.fixes import fixes
from capi2kit.diagnosis.rules import rules
from capi2kit.errors import KnowledgeError, TableError
from capi2kit.knowledge import (
    account,
    check,
    code_text,
    codes,
    columns,
    flag,
    operation,
    operation_rows,
    operations_by_name,
    operations_where,
    outcome_of,
    rows,
    trust_columns,
)
from capi2kit.knowledge.providers import providers
from capi2kit.knowledge.sources import ids_in, sources, sources_of
from capi2kit.knowledge.urls import host_of, server, url_role

OPERATIONAL = "Microsoft-Windows-CAPI2/Operational"
KEYS = {
    "accounts": ["sid"],
    "codes": ["code"],
    "commands": ["form"],
    "actions": ["action"],
    "durations": ["what", "step"],
    "callers": ["process", "operation", "policy", "auth_type", "usage_oid"],
    "columns": ["table", "column"],
    "sources": ["id"],
    "glossary": ["term"],
    "views": ["table", "column"],
    "private": ["table", "column"],
    "publicnames": ["kind", "name"],
    "fields": ["channel", "event_id", "table", "row", "path", "column"],
    "flags": ["family", "name"],
    "eventlabels": ["kind", "text"],
    "knownobjects": ["url_role", "bytes"],
    "nps_reasons": ["reason_code"],
    "offline": ["role"],
    "object_roles": ["object_type"],
    "labels": ["tool", "language", "label"],
    "payloads": ["root", "event_id", "path"],
    "messages": ["begins", "provider", "event_id"],
    "phrases": ["provider", "channel", "event_id", "language"],
    "shortnames": ["kind", "shown"],
    "exports": ["program", "field"],
    "hivekeys": ["hive", "key"],
    "processes": ["process", "begins_with"],
    "providers": ["provider"],
    "operations": ["provider", "channel", "task", "event_id"],
    "runtimes": ["pattern"],
    "servers": ["host"],
    "texts": ["text"],
    "uls": ["kind", "text"],
    "verdicts": ["verdict"],
    "url_roles": ["pattern"],
    "w3c": ["log", "field"],
}
KINDS = {
    "text",
    "int",
    "hex",
    "bool",
    "duration",
    "time",
    "guid",
    "file_ref",
    "names",
    "element",
    "header",
    "file name",
    "pid",
    "milliseconds",
}
READ_BY = {
    "int": {"Int64", "Float64"},
    "pid": {"Int64"},
    "milliseconds": {"Float64"},
    "hex": {"UInt32"},
    "bool": {"boolean"},
    "duration": {"Float64"},
}
READ_BY |= {"time": {"datetime64[ns, UTC]"}}
EVENTS = [
    ("Microsoft-Windows-CAPI2", OPERATIONAL, "10-24 30 40-42 50-53 60 70 71 80-82 90"),
    ("Microsoft-Windows-CAPI2", "Application", "1-12 256 257 512 513 4097-4117 4128-4131 4176-4178 4192"),
    ("Microsoft-Windows-CAPI2", "Microsoft-Windows-CAPI2/Catalog Database Debug", "8192-8203"),
    ("crypt32", "Application", "1-11"),
]


def numbers(ranges: str) -> set[int]:
    """``10-12 30`` → 10, 11, 12, 30."""
    pairs = [part.partition("-")[::2] for part in ranges.split()]
    return {number for low, high in pairs for number in range(int(low), int(high or low) + 1)}


def test_every_table_has_a_key_here():
    assert {path.stem for path in knowledge.DATA.glob("*.csv")} == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_every_row_has_a_source_and_a_key_of_its_own(name):
    keys = [tuple(row[part] for part in KEYS[name]) for row in rows(name)]
    assert len(keys) == len(set(keys)) > 0
    last = "source" if "source" in rows(name)[0] else {"columns": "origin", "sources": "address"}[name]
    assert list(rows(name)[0])[-1] == last and all(row[last].strip() for row in rows(name))
    assert all(cell == cell.strip() for row in rows(name) for cell in row.values())


@pytest.mark.parametrize("name", [name for name in KEYS if "source" in rows(name)[0]])
def test_every_source_of_a_table_can_be_looked_up(name):
    unknown = {(row["source"], one) for row in rows(name) for one in ids_in(row["source"]) if one not in sources()}
    assert not unknown


def test_every_source_of_a_rule_and_of_a_remedy_can_be_looked_up():
    cited = {rule.id: rule.source for rule in rules()} | {fix.id: fix.source for fix in fixes().values()}
    assert {name: cell for name, cell in cited.items() if not set(ids_in(cell)) <= set(sources())} == {}


def test_every_source_is_used_and_says_where_it_is():
    texts = [row["source"] for name in KEYS for row in rows(name) if "source" in row]
    texts += [rule.source for rule in rules()] + [fix.source for fix in fixes().values()]
    assert {one for text in texts for one in ids_in(text)} == set(sources())
    assert all(source.what and source.address for source in sources().values())


def test_a_source_that_nobody_knows_is_an_error():
    assert [source.what for source in sources_of("own; capi2kit")] == [
        sources()["own"].what,
        sources()["capi2kit"].what,
    ]
    with pytest.raises(KnowledgeError, match=r"sources\.csv: no source has the id 'nobody'"):
        sources_of("own; nobody")


def test_the_vocabulary_knows_the_dtypes_of_its_columns():
    dtypes = {"string", "int64", "Int64", "UInt32", "float64", "Float64", "bool", "boolean", "datetime64[ns, UTC]"}
    assert {row["dtype"] for row in rows("columns")} <= dtypes
    assert all(re.fullmatch("[a-z][a-z0-9_]*", row["column"]) for row in rows("columns"))
    assert all(row["unit"] == "s" for row in rows("columns") if row["column"].endswith("_s"))


def test_every_field_fills_a_column_of_the_vocabulary_that_can_hold_it():
    for row in rows("fields"):
        dtype = columns(row["table"]).get(row["column"])
        assert dtype, f"{row['table']}.{row['column']} is no column"
        kind = row["kind"]
        assert kind in KINDS or kind.startswith("="), kind
        assert dtype in READ_BY.get(kind, {"string"}), f"{row['table']}.{row['column']}: {kind} into {dtype}"


def test_a_column_is_read_in_one_way_only():
    kinds: dict[tuple[str, str], set[str]] = {}
    for row in rows("fields"):
        kinds.setdefault((row["table"], row["column"]), set()).add(row["kind"])
    several = {key: found - {"text", "header"} for key, found in kinds.items()}
    assert all(len(found) <= 1 or all(kind.startswith("=") for kind in found) for found in several.values())


def test_every_column_of_the_tables_read_is_filled_by_a_field_or_by_the_reader():
    by_reader = {"event", "source", "offset", "time_written", "phase", "operation", "extra", "position", "elements"}
    by_reader |= {"resolution_s", "zone", "category", "tag", "method", "http_status", "win32_status"}
    by_reader |= {"client", "server", "store"}  # of logs that are no Windows events
    by_reader |= {"clr_version"}  # of a command line
    by_reader |= {
        "caller",
        "fails",
        "list_judged",
        "database_error",
        "reason_code",
        "error_number",
    }  # of other cells, and of sentences
    filled = {(row["table"], row["column"]) for row in rows("fields")} | {("steps", "name")}
    for table in ("events", "steps", "chain", "certificates"):
        own = {"host", "process"} if table != "events" else set()
        assert {column for column in columns(table) if (table, column) not in filled} <= by_reader | own, table


@pytest.mark.parametrize(("provider", "channel", "ranges"), EVENTS)
def test_every_event_that_windows_may_log_has_an_operation(provider, channel, ranges):
    assert {int(key[3]) for key in operation_rows() if key[:2] == (provider, channel)} == numbers(ranges)


def test_start_and_stop_of_one_task_are_one_operation():
    names: dict[tuple[str, str], set[str]] = {}
    for (provider, channel, task, _), found in operation_rows().items():
        if task != "0" and channel == OPERATIONAL:
            names.setdefault((provider, task), set()).add(found.name)
    assert all(len(found) == 1 for found in names.values())
    assert len(names) >= 18


def test_what_nests_has_a_rank_and_the_wire_is_inside():
    ranks = {name: found.rank for name, found in operations_by_name().items()}
    assert ranks["VerifyTrust"] < ranks["BuildChain"] < ranks["VerifyRevocation"] < ranks["RetrieveObjectFromNetwork"]
    assert "RetrieveObjectFromNetwork" in operations_where(wire=True)
    assert not set(operations_where(wire=True)) & set(operations_where(cache=True))


def test_the_most_specific_operation_wins(monkeypatch):
    def named(name):
        return knowledge.Operation(name, name, None, False, False)

    monkeypatch.setattr(
        knowledge,
        "operation_rows",
        lambda: {
            ("", "", "11", ""): named("any 11"),
            ("", "C", "11", ""): named("C 11"),
            ("", "C", "11", "10"): named("C 11 10"),
            ("P", "C", "11", "10"): named("P C 11 10"),
            ("", "", "", "10"): named("any id 10"),
            ("", "", "", ""): named("never"),
        },
    )
    found = [
        operation(11).name,
        operation(11, 99, channel="C").name,
        operation(11, 10, channel="C").name,
        operation(11, 10, channel="C", provider="P").name,
        operation(12, 10).name,
        operation(12).name,
        operation(None).name,
    ]
    assert found == ["any 11", "C 11", "C 11 10", "P C 11 10", "any id 10", "Task 12", "Task ?"]


def test_an_event_type_that_nobody_knows_is_named_for_its_task():
    assert operation(57, 154, channel=OPERATIONAL).name == "Task 57"
    assert operation("57").rank is None


def test_the_same_id_of_another_provider_is_not_taken_for_ours():
    assert operation(0, 1, channel="Application", provider="crypt32").name == "RootCertificateAdded"
    assert operation(0, 1, channel="Application", provider="ESENT").name == "Task 0"
    assert {name for name, listed in providers().items() if listed is None} >= {"Microsoft-Windows-CAPI2", "crypt32"}
    assert "ESENT" not in providers()


def test_of_other_providers_only_the_events_that_frame_an_incident_are_loaded():
    assert providers()["EventLog"] == {"6005", "6006", "6008", "6009", "6013"}
    named = {key[0] for key in operation_rows()}
    assert set(providers()) == named
    assert all(row["load"] in {"all", "listed"} for row in rows("providers"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("A required certificate is not within its validity period when verifying against the current system clock "
         "or the timestamp in the signed file.", 0x800B0101),
        ("現在のシステム時計または署名ファイルのタイムスタンプで確認すると、必要な証明書の有効期間が過ぎています。", 0x800B0101),
        ("The certificate’s CN name does not match the passed value", 0x800B010F),
        ("the DATA  is invalid.", 0x8007000D),
        ("Something went wrong.", None),
    ],
)  # fmt: skip
def test_an_error_that_is_logged_as_a_sentence_has_a_code_if_the_sentence_is_known(text, code):
    assert knowledge.code_of_text(text) == code


def test_phrases_are_patterns_that_name_columns_of_events():
    for row in rows("phrases"):
        assert set(re.compile(row["pattern"]).groupindex) <= {*columns("events"), "code"}, row


def test_codes_are_shown_with_their_symbol_and_judged():
    assert code_text(0x80092013) == "0x80092013 CRYPT_E_REVOCATION_OFFLINE"
    assert (code_text(0), code_text(0xDEADBEEF)) == ("0", "0xDEADBEEF")
    assert (outcome_of(0), outcome_of(0xDEADBEEF)) == ("ok", "failed")
    assert outcome_of(12002) == outcome_of(0x80070000 | 12002) == "timeout"
    assert all(0 <= code < 1 << 32 for code in codes())


def test_flags_have_values_and_trust_errors_are_columns_of_spans():
    assert flag("CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT") == 0x08000000
    assert flag("CERT_CHAIN_POLICY_SSL_HPKP_HEADER") == 10  # an enumeration counts in tens, not in sixteens
    bits = trust_columns()
    assert set(bits) <= set(columns("spans"))
    assert all(bit.bit_count() == 1 for bit in bits.values())
    with pytest.raises(KnowledgeError, match=r"flags.csv: no flag 'X'"):
        flag("X")


def test_the_flags_that_operations_name_exist():
    named = {found.accumulative_flag for found in operation_rows().values()}
    named |= {found.cache_only_flag for found in operation_rows().values()}
    assert all(flag(name).bit_count() == 1 for name in named if name)


def test_accounts_are_known_exactly_or_by_their_longest_prefix():
    assert account("S-1-5-18") == ("system", "SYSTEM")
    assert account("S-1-5-80-1-2-3-4-5")[0] != "unknown"
    assert (account(None), account("X")) == (("unknown", ""), ("unknown", ""))


def test_urls_have_roles():
    assert url_role("http://crl.microsoft.com/pki/crl/products/x.crl") == "CRL"
    assert url_role("http://ctldl.windowsupdate.com/x/authrootstl.cab?123") == "CTL"
    assert (url_role(None), url_role("http://example.org/")) == (None, None)
    assert all(re.compile(row["pattern"]) for row in rows("url_roles"))


# A broken table says which line of which file.


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Write a knowledge table of its own for a test."""
    monkeypatch.setattr(knowledge, "DATA", tmp_path)
    caches = [found for found in vars(knowledge).values() if hasattr(found, "cache_clear")]

    def save(name: str, text: str) -> None:
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        for cached in caches:
            cached.cache_clear()

    yield save
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        ("0x1,S,t,ok,m,here\n0x2,S,t,ok,m\n", 3),
        ("0x1,S,t,ok,m,here\n0x2,S,t,ok,m,\n", 3),
        ("0x1,S,t,ok,m,here,more\n", 2),
        ("zzz,S,t,ok,m,here\n", 2),
        ('0x1,S,"two\nlines",ok,m,here\nzzz,S,t,ok,m,here\n', 4),
        ("0x1,S,t,ok,m,here\n1,S,t,ok,m,here\n", 3),
        ('0x1,S,"t"x,ok,m,here\n', 2),
    ],
)
def test_a_broken_row_is_shown_with_file_and_line(data, rest, line):
    data("codes.csv", "code,symbol,text,outcome,meaning,source\n" + rest)
    with pytest.raises(KnowledgeError, match=rf"codes\.csv, line {line}: ") as caught:
        codes()
    assert (caught.value.file, caught.value.line) == ("codes.csv", line)


def test_a_table_that_is_not_there_or_no_text_is_reported(data):
    with pytest.raises(KnowledgeError, match=r"servers\.csv: cannot be read"):
        rows("servers")
    data("servers.csv", "host,source\n\udcff,x\n")
    with pytest.raises(KnowledgeError, match=r"servers\.csv.*not a table of comma-separated values"):
        rows("servers")


def test_a_rank_that_is_no_number_is_reported(data):
    names = "provider,channel,task,event_id,operation,title,rank,wire,cache,accumulative_flag,cache_only_flag,meaning"
    data("operations.csv", f"{names},source\nP,C,1,2,Op,Op,first,0,0,,,m,here\n")
    with pytest.raises(KnowledgeError, match=r"operations\.csv, line 2: ValueError: invalid literal"):
        operation(1)


# Tables are checked against the vocabulary.


def test_a_table_that_lacks_a_column_or_has_another_dtype_is_refused():
    problems = empty("problems")
    check(problems, "problems")
    check(problems[["lost"]], "problems", needs=["lost"])
    check(empty("events").set_index(["task_id", "process"]), "events")
    with pytest.raises(TableError, match=r"'problems' lacks the column 'stage'; pass the table as capi2kit made it"):
        check(problems.drop(columns="stage"), "problems")
    with pytest.raises(TableError, match=r"problems\.lost is float64, it must be int64"):
        check(problems.astype({"lost": "float64"}), "problems")
    with pytest.raises(KnowledgeError, match=r"no table 'nothing'"):
        check(pd.DataFrame(), "nothing")


@pytest.mark.parametrize(
    ("url", "object_type", "role"),
    [
        ("http://r3.o.lencr.org", "CONTEXT_OID_OCSP_RESP", "OCSP"),  # the object decides, not the name
        ("http://ocsp.contoso.example/x.crl", "CONTEXT_OID_CRL", "CRL"),
        ("http://pki.contoso.example/issuer", "CONTEXT_OID_CERTIFICATE", "AIA"),
        ("http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/AB.crt", "CONTEXT_OID_CERTIFICATE", "CTL"),
        ("http://zerossl.ocsp.sectigo.com", None, "OCSP"),  # without an object: a known host, then the words
        ("http://pki.contoso.example/ca.crl", "CONTEXT_OID_CAPI2_ANY", "CRL"),
        ("http://notocsphere.contoso.example/", None, None),
    ],
)  # fmt: skip
def test_the_role_of_a_url_is_that_of_the_object_then_of_the_host_then_of_its_words(url, object_type, role):
    assert url_role(url, object_type=object_type) == role


def test_a_host_is_known_by_its_name_or_by_the_longest_pattern():
    assert server("CRL.microsoft.com")["owner"] == "Microsoft"
    assert server("au.download.windowsupdate.com")["host"] == "*.windowsupdate.com"
    assert server("crl.contoso.example") is None and server(None) is None
    assert host_of("http://user@CRL.contoso.example:80/x") == "crl.contoso.example"
    assert host_of("ldap:///CN=x") is None and host_of("http://[broken") is None and host_of(None) is None
