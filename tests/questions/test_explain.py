"""Explain: codes, event ids, flags and names in plain words, all meanings of each."""

import io

import pytest

from capi2kit.cli import main
from capi2kit.knowledge import rows
from capi2kit.questions.explain import explain


def names(asked: str) -> list[str]:
    return [one.name for one in explain(asked)]


@pytest.mark.parametrize(
    ("asked", "first", "words"),
    [
        ("80092012", "CRYPT_E_NO_REVOCATION_CHECK", "no revocation source"),
        ("0x80092012", "CRYPT_E_NO_REVOCATION_CHECK", "no revocation source"),
        ("2F94", "ERROR_WINHTTP_AUTODETECTION_FAILED", "WPAD"),
        ("53", "Retrieve Object from Network", "over the network"),
        ("4107", "Root list extraction failed", "root list"),
        ("CERT_E_CHAINING", "CERT_E_CHAINING", "chain"),
    ],
)
def test_the_likeliest_meaning_comes_first(asked, first, words):
    found = explain(asked)[0]
    assert found.name == first
    assert words in found.text
    assert found.source


def test_a_code_that_is_called_revoked_elsewhere_is_not_revoked():
    assert "revoked" not in " ".join(one.text.lower() for one in explain("80092012")).replace("revocation", "")


def test_the_bits_of_a_flag_are_shown_one_by_one_and_the_unknown_ones_too():
    assert names("ErrorStatus=1000040") == [
        "0x00000040 CERT_TRUST_REVOCATION_STATUS_UNKNOWN",
        "0x01000000 CERT_TRUST_IS_OFFLINE_REVOCATION",
    ]
    assert names('ErrorStatus value="40"') == []  # no such form; nothing is guessed
    assert names("ErrorStatus=80000040")[-1] == "0x80000000"
    assert names("errorstatus = 0x20") == ["0x00000020 CERT_TRUST_IS_UNTRUSTED_ROOT"]


def test_every_code_and_event_id_and_flag_has_an_explanation():
    assert all(explain(row["code"]) for row in rows("codes"))
    assert all(explain(row["event_id"]) for row in rows("operations") if row["event_id"])
    assert all(explain(row["name"]) for row in rows("flags"))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("12002", "ERROR_WINHTTP_TIMEOUT"),
        ("12029", "ERROR_WINHTTP_CANNOT_CONNECT"),
        ("12175", "ERROR_WINHTTP_SECURE_FAILURE"),
        ("-2146885613", "CRYPT_E_REVOCATION_OFFLINE"),
        ("2148081683", "CRYPT_E_REVOCATION_OFFLINE"),
        ("0x80092013 (-2146885613 CRYPT_E_REVOCATION_OFFLINE)", "CRYPT_E_REVOCATION_OFFLINE"),
        ("0x80072ee2 (WinHttp: 12002 ERROR_WINHTTP_TIMEOUT)", "ERROR_WINHTTP_TIMEOUT"),
        ("dwErrorStatus=20", "0x00000020 CERT_TRUST_IS_UNTRUSTED_ROOT"),
        ("Element.dwErrorStatus = CERT_TRUST_IS_UNTRUSTED_ROOT (0x20)", "0x00000020 CERT_TRUST_IS_UNTRUSTED_ROOT"),
        ("ChainFlags=40000000", "0x40000000 CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT"),
    ],
)
def test_codes_are_read_as_other_programs_print_them(asked, name):
    assert name in names(asked)


def test_a_number_that_is_one_thing_in_hexadecimal_and_another_in_decimal_is_both():
    assert {"Retrieve Object from Network"} <= set(names("53"))
    assert explain("12002") == explain("0x2EE2") == explain("80072EE2")


UNKNOWN = ["", "zzz", "=", "ErrorStatus=", "999999999", "0x", "\x1b[2J", "nonsense=12", "-99999999999", "9" * 5000]


@pytest.mark.parametrize("asked", UNKNOWN)
def test_what_is_not_known_is_said_to_be_so(asked, capsys):
    assert explain(asked) == []
    with pytest.raises(SystemExit) as stopped:
        main(["explain", asked])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert not printed.out and printed.err.startswith("not known: ") and "\x1b" not in printed.err


def test_an_unknown_one_does_not_stop_the_answers_to_the_others(capsys):
    main(["explain", "zzz", "80092013", "CRYPT_E_REVOCATION_OFLINE", "53"])  # no error code
    printed = capsys.readouterr()
    assert "CRYPT_E_REVOCATION_OFFLINE" in printed.out and "Retrieve Object from Network" in printed.out
    zzz, typo = printed.err.splitlines()
    assert "zzz" in zzz and "did you mean" not in zzz
    assert "did you mean CRYPT_E_REVOCATION_OFFLINE" in typo


def test_the_verb_prints_each_meaning(capsys):
    main(["explain", "53", "ErrorStatus=1000040"])
    out = capsys.readouterr().out
    assert (
        "event 53 of Microsoft-Windows-CAPI2, Microsoft-Windows-CAPI2/Operational: Retrieve Object from Network" in out
    )
    assert "CERT_TRUST_IS_OFFLINE_REVOCATION" in out


PASTED = """- <Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
- <System>
  <Provider Name="Microsoft-Windows-CAPI2" Guid="{5bbca4a8-b209-48dc-a8c7-b23d3e5216fb}" />
  <EventID>53</EventID>
  <Level>2</Level>
  <Channel>Microsoft-Windows-CAPI2/Operational</Channel>
  <Security UserID="S-1-5-20" />
  </System>
- <UserData>
- <CryptRetrieveObjectByUrlWire>
  <URL scheme="http">http://crl.contoso.example/a.crl</URL>
  <Result value="800708CA">This network connection does not exist.</Result>
  </CryptRetrieveObjectByUrlWire>
  </UserData>
  </Event>
"""


def pasted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    main(["explain", "-"])


def test_a_pasted_event_is_shown_with_its_code_its_cause_and_its_remedy(capsys, monkeypatch):
    pasted(PASTED, monkeypatch)
    out = capsys.readouterr().out
    assert "Retrieve Object from Network" in out
    assert "result code 0x800708CA: ERROR_NOT_CONNECTED" in out
    assert "and nothing was sent\n  remedy: Record again" in out


@pytest.mark.parametrize("text", ["", "hello", "<Event>"])
def test_a_text_without_an_event_is_said_to_be_one(capsys, monkeypatch, text):
    with pytest.raises(SystemExit) as stopped:
        pasted(text, monkeypatch)
    assert stopped.value.code == 3
    assert capsys.readouterr().err.startswith("capi2kit: ")
