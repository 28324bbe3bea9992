"""Documents: a paste is cut into blocks, each for its loader; what carries it (mail, page, Markdown) is taken off in named steps."""

from __future__ import annotations

import html
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.case import Case, load
from capi2kit.knowledge import rows
from capi2kit.loaders.pasted.document import divided, left_over
from capi2kit.loaders.pasted.repairs import REPAIRS, repaired

FIELD = Path(__file__).parent / "field_cases"
EVENT = (FIELD / "k01-copyform-one-event.txt").read_text()
XML = EVENT[EVENT.index("<Event ") :]
FETCH = (FIELD / "k14-urlfetch-fragment.txt").read_text()
VERIFY = (FIELD / "k03-urlfetch-failed-timeout.txt").read_text()
KEY = "HKEY_USERS\\.DEFAULT\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\n    ProxyEnable    REG_DWORD    0x1\n"
NETSH = "Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n"
ULS = (FIELD / "k06-8321-uls-two-lines.txt").read_text()
IIS = (
    "#Fields: date time s-sitename cs-method cs-uri-stem sc-status time-taken\n"
    "2024-03-15 07:00:20 W3SVC1 GET /a 200 15234\n"
)
TREE = (FIELD / "k10-friendly-indent-lost.txt").read_text()
WORKER = 'WP "4120" (applicationPool:SharePoint - 80)\n'
PROSE = "This is what I see on the server, and I do not know what to make of it.\n"


def loaded(tmp_path, text: str | bytes, name: str = "post.txt", **how) -> Case:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, **how)


def counts(case: Case) -> tuple[int, int, int, int]:
    return len(case.events), len(case.cache_entries), len(case.verifications), len(case.settings)


def said(case: Case, error: str) -> list[str]:
    return case.problems.loc[case.problems["error"] == error, "message"].tolist()


FOLDED = TREE[TREE.index("- UserData") :]
BEFORE = ["", "+ System\n\n", "- System\n\n", "The details of event 11:\n\n+ System\n\n", "Event ID 11\n\n"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("form", ["as it is", "no marks", "twice"])
def test_a_friendly_view_with_its_system_folded_is_an_event(tmp_path, before, form):
    text = before + (FOLDED.replace("\n- ", "\n").removeprefix("- ") if form == "no marks" else FOLDED)
    case = loaded(tmp_path, f"{text}\n\n{text}" if form == "twice" else text)
    events = case.events.reset_index()
    assert len(events) == (2 if form == "twice" else 1)
    assert set(zip(events["event_id"], events["result"], events["subject"], strict=True)) == {
        (11, 0x80092013, "app.contoso.example")
    }
    assert events[["time", "host", "level"]].isna().all(axis=None)
    assert any("no event id is given; 11 inferred from its elements" in text for text in said(case, "pasted event"))


def test_a_friendly_view_with_its_system_is_not_cut_at_its_user_data(tmp_path):
    case = loaded(tmp_path, f"{TREE}\n\n\n{FOLDED}\n\n\n{TREE.replace('1779', '1780')}")
    assert len(case.events) == 3 and sorted(case.events["record"].dropna()) == [1779, 1780]


LABELS = (
    "Log Name:      {log}\nSource:        {source}\nEvent ID:      {event}\nLevel:         Error\nDescription:\nx\n"
)


@pytest.mark.parametrize(
    ("log", "source", "event", "channel"),
    [
        ("Program", "Microsoft-Windows-CAPI2", 4107, "Application"),
        ("Anwendung", "CAPI2", 513, "Application"),
        ("Application", "Microsoft-Windows-CAPI2", 4107, "Application"),
        ("Microsoft-Windows-CAPI2/Operational", "Microsoft-Windows-CAPI2", 30, "Microsoft-Windows-CAPI2/Operational"),
        ("Sistema", "Some Other Program", 4107, "Sistema"),
    ],
)
def test_the_log_that_is_named_in_another_language_is_the_one_that_has_the_event(tmp_path, log, source, event, channel):
    case = loaded(tmp_path, LABELS.format(log=log, source=source, event=event), providers="*")
    assert case.events["channel"].tolist() == [channel]
    assert any("not the name of a log" in text for text in said(case, "pasted event")) == (log != channel)


WRAPPED = """PS C:\\> Get-WinEvent -LogName System | ft -AutoSize -Wrap

   ProviderName: Schannel

TimeCreated                     Id LevelDisplayName Message
-----------                     -- ---------------- -------
6/10/2022 2:04:55 PM         36884 Error            The certificate received from the remote server does not contain the
                                                    expected name. The server name we were
                                                    expecting is mail.contoso.example. The request has failed.
6/10/2022 2:04:51 PM         36882 Error            The certificate received from the remote server was issued by an
                                                    untrusted certificate authority.

Can anybody help?
"""


def test_a_message_that_is_wrapped_below_its_column_is_whole_and_nothing_is_lost(tmp_path):
    case = loaded(tmp_path, WRAPPED)
    assert case.events["event_id"].tolist() == [36884, 36882]
    assert case.events["server_name"].dropna().tolist() == ["mail.contoso.example"]
    assert case.events["message"].str.endswith(("authority.", "failed.")).all()
    assert case.sources[["loaded", "lost"]].to_numpy().tolist() == [[2, 0]]


# Blocks of every kind, in any order, with prose around them: nothing hides anything.

BLOCKS = {
    "an event": (EVENT, (1, 0, 0, 0)),
    "a tree": (TREE, (1, 0, 0, 0)),
    "fetches": (FETCH, (0, 3, 0, 0)),
    "a chain": (VERIFY, (0, 2 + 1, 1, 0)),
    "a key": (KEY, (0, 0, 0, 1)),
    "netsh": (NETSH, (0, 0, 0, 1)),
    "a trace log": (ULS, (2, 0, 0, 0)),
    "an IIS log": (IIS, (1, 0, 0, 0)),
    "workers": (WORKER, (0, 0, 0, 1)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_prose_above_and_below_a_block_hides_nothing_of_it(name, tmp_path):
    text, found = BLOCKS[name]
    case = loaded(tmp_path, f"{PROSE}\n{text}\n\n{PROSE}")
    assert counts(case) == found
    last = len(f"{PROSE}\n{text}\n\n".splitlines()) + 1
    assert [one.partition(" w")[0] for one in said(case, "not understood")] == ["line 1", f"line {last}"]
    assert case.sources["units"].iloc[0] - case.sources["understood"].iloc[0] == 2


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=2, max_size=5, unique=True))
def test_blocks_in_any_order_go_each_to_its_loader(tmp_path_factory, names):
    texts = [f"{PROSE}\n{BLOCKS[name][0]}\n" for name in names]
    case = loaded(tmp_path_factory.mktemp("x"), "\n".join(texts))
    assert counts(case) == tuple(map(sum, zip(*(BLOCKS[name][1] for name in names), strict=True)))
    assert len(said(case, "not understood")) == len(names)
    row = case.sources.iloc[0]
    assert row["promised"] == row["loaded"] + row["lost"] and row["lost"] == 0


@given(st.text(alphabet=st.sampled_from("ab:=- \n\t[]<>|`#\"'0123456789/\\"), max_size=300))
def test_every_line_is_understood_or_left_over_and_none_is_both(text):
    document = divided(text)
    own = [one for lines in document.parts.values() for one in lines]
    left = left_over(document, own)
    known = {at for one in own for at in one}
    assert all(not known & set(one) for one in left)
    with_letters = {at for at, line in enumerate(document.lines) if any(sign.isalnum() for sign in line)}
    assert with_letters <= known | {at for one in left for at in one}


# What carries a block.


def quoted(text: str, sign: str = "> ") -> str:
    return "".join(f"{sign}{line}\n" for line in text.splitlines())


def numbered(text: str, after: str) -> str:
    return "".join(f"{number}{after}{line}\n" for number, line in enumerate(text.splitlines(), 1))


CARRIED = {
    "Markdown": (f"# Help\n\n```text\n{EVENT}\n```\n", None),
    "Markdown with tildes": (f"~~~~\n{EVENT}\n~~~~\n", None),
    "a quotation": (f"On Monday Rudi wrote:\n{quoted(EVENT)}\nYes.\n", "marks of a quoted mail"),
    "a quotation in a quotation": (f"> He wrote:\n{quoted(EVENT, '>> ')}\n", "marks of a quoted mail"),
    "a forum": (f"[quote=rudi]See:\n[code]\n{EVENT}[/code][/quote]\n", None),
    "a forum on the same lines": (f"[code]{EVENT.rstrip()}[/code]\n", "tags of a forum"),
    "line numbers with colons": (numbered(EVENT, ": "), "numbers in front of lines"),
    "line numbers with tabs": (numbered(EVENT, "\t"), "numbers in front of lines"),
    "escaped brackets": (f"see\n{html.escape(EVENT)}", "escaped angle brackets"),
    "collapsed blanks": ("\n".join(" ".join(line.split()) for line in EVENT.splitlines()), None),
    "lost empty lines": ("\n".join(line for line in EVENT.splitlines() if line.strip()), None),
    "blanks that do not break": (EVENT.replace("  ", "\u00a0 "), "spaces that do not break"),
    "typographic quotes": (EVENT.replace('="', "=\u201c").replace('"', "\u201d"), "typographic quotes"),
}


@pytest.mark.parametrize("carrier", CARRIED)
def test_an_event_is_read_out_of_whatever_carries_it_and_each_repair_is_named(carrier, tmp_path):
    text, repair = CARRIED[carrier]
    case = loaded(tmp_path, text)
    (row,) = case.events.reset_index().to_dict("records")
    assert (row["event_id"], row["record"], row["process"], row["result"]) == (53, 44, "spoolsv.exe", 12002)
    assert row["zone_name"] == "-120 UTC+02:00"  # the heading is there, too
    made = said(case, "pasted text repaired")
    assert (len(made) == 1 and repair in made[0]) if repair else made == []


PAGE = f"<!DOCTYPE html><html><head><script>var a='<Event>';</script></head><body><p>See:</p><pre>{html.escape(EVENT)}</pre>"
BROKEN_LINES = EVENT.partition("Event Xml")[0].replace("53", "4107").replace("\n", "<br>\n")


@pytest.mark.parametrize(
    ("text", "event_id"),
    [
        (f"{PAGE}<p>Any ideas?</p></body></html>", 53),
        (f"<html><body><div class='post'>{BROKEN_LINES}</div></body></html>", 4107),
        (f"<html><body><div>{BROKEN_LINES.replace(chr(10), '')}</div></body></html>", 4107),
        (f"<html><body><table><tr><td>{XML}</td></tr></table></body></html>", 53),  # nobody escaped its tags
    ],
)
def test_a_page_saved_from_a_browser_is_read_as_its_reader_sees_it(text, event_id, tmp_path):
    case = loaded(tmp_path, text, "thread.html")
    assert case.events["event_id"].tolist() == [event_id]
    assert case.events["host"].tolist() == ["SRV01"]
    assert len(said(case, "text taken out")) == 1
    assert not any("var a" in text for text in said(case, "not understood"))


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_is_read_with_its_attachments_that_are_text_and_the_others_are_named(kind, tmp_path):
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "R\u00fcdi <r@contoso.example>", "CAPI2", "<1@contoso.example>"
    body = f"Hello,\n\n{EVENT}\n\nregards\n"
    mail.set_content(
        f"<html><body><pre>{html.escape(body)}</pre></body></html>" if kind == "html" else body, subtype=kind
    )
    mail.add_attachment(FETCH, filename="certutil.txt")
    mail.add_attachment(
        b"ElfFile\0" + bytes(100), maintype="application", subtype="octet-stream", filename="capi2.evtx"
    )
    case = loaded(tmp_path, mail.as_bytes(), "mail.eml")
    assert counts(case) == (1, 3, 0, 0)
    assert "the attachment capi2.evtx (application/octet-stream, 108 bytes) was not read" in "\n".join(
        said(case, "text taken out")
    )
    assert [text.partition(": ")[2] for text in said(case, "not understood")] == ["'Hello,'", "'regards'"]


def test_texts_in_an_archive_are_documents_each(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("notes.md", f"{PROSE}\n```\n{KEY}```\n")
        archive.writestr("thread.html", PAGE)
        archive.writestr("certutil.txt", f"{PROSE}\n{FETCH}")
    case = load(tmp_path / "x.zip")
    assert counts(case) == (1, 3, 0, 1)
    assert sorted(case.sources["loader"]) == ["certutil", "pasted", "registry"]


# Repairs by themselves.


@given(st.text(alphabet=st.sampled_from('ab \n\t><|[]/`~*"\u201c\u201d-\u2013=:1234.\u00a0&lt;Event'), max_size=200))
def test_no_repair_adds_or_takes_away_a_line(text):
    for name, repair in REPAIRS:
        assert repair(text).count("\n") == text.count("\n"), name
    after, made = repaired(text)
    changed = {at for at, (old, new) in enumerate(zip(text.split("\n"), after.split("\n"), strict=True)) if old != new}
    assert changed <= {at for one in made for at in one.lines}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("> one\n> two", "one\ntwo"),
        ("> one alone", "> one alone"),
        ("1. one\n2. two\n3. three", "one\ntwo\nthree"),
        ("1. one\n7. two\n9. three", "1. one\n7. two\n9. three"),
        ("[url]  http://a.example", "[url]  http://a.example"),  # an attribute in a Friendly View
        ("[b]x[/b]", "x"),
        ("| Event ID | 53 |\n|---|---|", "Event ID: 53\n"),
        ("+----+\n| Level | Date and Time | Source |", "\nLevel\tDate and Time\tSource"),
        ('Verified \u201cBase CRL (1f)\u201d Time: 0 ab', 'Verified "Base CRL (1f)" Time: 0 ab'),
        ("He said \u201chello\u201d to me", "He said \u201chello\u201d to me"),
        ("certutil \u2013verify", "certutil -verify"),
    ],
)  # fmt: skip
def test_a_repair_undoes_what_was_done_and_nothing_else(text, after):
    assert repaired(text)[0] == after


# Languages.

HEADED = ("channel", "provider", "time", "event_id", "level", "host", "description")
LANGUAGES = [row["language"] for row in rows("eventlabels") if row["kind"] == "label"]


@pytest.mark.parametrize("language", sorted(set(LANGUAGES)))
def test_a_general_tab_is_read_in_every_language_of_the_table(language, tmp_path):
    labels = {
        row["means"]: row["text"]
        for row in reversed(rows("eventlabels"))
        if (row["language"], row["kind"]) == (language, "label")
    }
    values = (
        "Application",
        "Microsoft-Windows-CAPI2",
        "13.02.2010 16:05:35",
        "4107",
        "2",
        "SRV01",
        "x <http://ctl.example/a.cab>: y",
    )
    shared = {
        row["means"]: row["text"] for row in rows("eventlabels") if (row["language"], row["kind"]) == ("en", "label")
    }
    lines = [
        f"{(labels.get(name) or shared[name])}:".ljust(15) + value for name, value in zip(HEADED, values, strict=True)
    ]
    case = loaded(tmp_path, "\n".join(lines))
    (row,) = case.events.reset_index().to_dict("records")
    assert (row["event_id"], row["level"], row["host"], row["channel"]) == (4107, 2, "SRV01", "Application")
    assert row["time"] == pd.Timestamp("2010-02-13T16:05:35Z")


@pytest.mark.real
def test_a_page_of_all_five_seeds_loads_the_evidence_of_each_once(real_logs, tmp_path):
    folder = real_logs.parent / "seeds"
    if not folder.is_dir():
        pytest.skip("the five documents that the project began with are not beside the real logs, in a folder `seeds`")
    seeds = sorted(folder.glob("*.txt"))
    each = [load(path) for path in seeds]
    whole = loaded(tmp_path, "\n".join(path.read_text(encoding="utf-8") for path in seeds))
    names = ["event_id", "record", "result", "host", "level"]
    apart = pd.concat([case.events[names] for case in each], ignore_index=True)
    together = whole.events[names].reset_index(drop=True)
    assert sorted(map(str, together.to_numpy().tolist())) == sorted(map(str, apart.to_numpy().tolist()))
    assert len(whole.cache_entries) == sum(len(case.cache_entries) for case in each) == 2
    assert whole.sources["loaded"].iloc[0] == sum(int(case.sources["loaded"].iloc[0]) for case in each) == 10
