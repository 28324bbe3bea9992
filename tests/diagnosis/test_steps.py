"""Steps: typed lines of remedies, and the names of a log in them."""

import pytest

from capi2kit.diagnosis.steps import Step, disturbs, filled, read_step, read_steps

NAMES = {
    "server": ["crl.a.test", "ocsp.b.test"],
    "server_ports": ["80", "8080"],
    "account": ["SYSTEM"],
    "target": ["C:\\Program Files\\A&B\\a.dll", "C:\\b.dll"],
    "subject": ['CN="x" & del *'],
    "host": ["WEB01"],
}


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("cmd: ipconfig /all", "cmd", "ipconfig /all"),
        ("ps: Get-Date", "ps", "Get-Date"),
        ("do: Ask the network team: which one?", "do", "Ask the network team: which one?"),
    ],
)
def test_a_line_says_what_kind_it_is(line, kind, text):
    assert read_step(line)[:2] == (kind, text)


@pytest.mark.parametrize("line", ["ipconfig /all", "sh: ls", "cmd:", "cmd: ", ""])
def test_a_line_without_a_kind_is_an_error_that_names_the_kinds(line):
    with pytest.raises(ValueError, match="begins with one of cmd: , ps: , do: "):
        read_steps([line])


def texts(*lines: str, names: dict = NAMES) -> list[str]:
    return [step.text for step in filled(read_steps(lines), names)]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        # one line for each server, each with its own port
        (
            "ps: Test-NetConnection {server} -Port {port}",
            ["Test-NetConnection crl.a.test -Port 80", "Test-NetConnection ocsp.b.test -Port 8080"],
        ),
        ("do: Open the way to {servers}.", ["Open the way to crl.a.test, ocsp.b.test."]),
        ("do: Restart the computer.", ["Restart the computer."]),
        ("cmd: sc query {service}", ["sc query <service>"]),  # the log names none
        ("do: Ask {issuers}.", ["Ask <issuer>."]),
        # a name that would end the command or begin another one is left to a person
        ('cmd: certutil -store My "{subject}"', ['certutil -store My "<subject>"']),
        ('cmd: certutil -dump "{target}"', ['certutil -dump "C:\\b.dll"']),
        ("do: Look at {subjects}.", ['Look at CN="x" & del *.']),  # a sentence runs nothing
    ],
)
def test_the_names_of_the_log_are_put_in_where_they_can_do_no_harm(line, seen):
    assert texts(line) == seen


def test_a_line_for_each_name_stays_short():
    many = {"server": [f"s{i}.test" for i in range(20)]}
    assert len(texts("cmd: nslookup {server}", names=many)) == 5
    assert texts("do: Reach {servers}.", names=many)[0].endswith("s7.test and 12 more.")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('cmd: certutil -verify -urlfetch "<file>"', "collect the evidence first"),
        ("cmd: certutil -urlcache * delete", "deletes evidence"),
        ("cmd: certutil -urlcache", ""),
        ("cmd: nslookup a.test", ""),
        ("do: certutil -urlcache * delete is wrong here.", ""),  # a sentence is not run
    ],
)
def test_what_disturbs_the_evidence_is_said_before_it_is_run(line, word):
    step = read_step(line)
    assert (word in step.warning) if word else step.warning == ""
    assert isinstance(step, Step) and (not word or disturbs(step.text) == step.warning)
