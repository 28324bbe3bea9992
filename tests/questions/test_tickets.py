"""Tickets: one remedy with its reasons, names, savings and records, as text and as Markdown."""

import re
from pathlib import Path

import pandas as pd
import pytest
import scenarios

import capi2kit as c2
from capi2kit.cli import main, remedy
from capi2kit.diagnosis.fixes import TEAMS, fixes
from capi2kit.questions.tickets import cited_by, lines_cited, ticket
from capi2kit.render import ticket as ticket_page
from capi2kit.render.ticket import write_ticket

FIELD = Path(__file__).parents[1] / "field_cases"
LOG = str(scenarios.LAB / "fix-before")


def asked(fix: str | None = None, *, team: str | None = None):
    analysis = scenarios.analysed("fix-before")
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    return ticket(analysis.findings, fix, team=team, tables=tables)


@pytest.mark.parametrize(
    ("fix", "team", "chosen"),
    [
        (None, None, "allow-pki-hosts"),  # the first remedy of the worst finding
        (None, "server", "machine-proxy"),
        (None, "pki", None),
        ("shorter-timeouts", None, "shorter-timeouts"),
    ],
)
def test_which_remedy_is_meant(fix, team, chosen):
    found = asked(fix, team=team)
    assert (found.fix.id if found else None) == chosen
    if found:
        assert found.fix not in found.others and len({found.fix, *found.others}) == 8


def test_a_ticket_has_reasons_names_savings_and_records():
    found = asked()
    assert "firewall-drops" in found.reasons["rule"].tolist()
    assert found.names["server"] == ["crl.contoso.example", "pki.fabrikam.example"]
    assert found.savings["saved_s"].round().tolist() == [119]
    analysis = scenarios.analysed("fix-before")
    (file,) = cited_by(found.reasons, events=analysis.case.events.reset_index(drop=True), sources=analysis.case.sources)
    assert len(file["records"]) == 15 and file["lines"] == [] and len(file["sha256"]) == 64


def test_lines_are_cited_where_there_are_no_records(capsys):
    found = c2.analyse(c2.load(FIELD / "k03-urlfetch-failed-timeout.txt"))
    (row,) = found.findings[found.findings["rule"] == "certutil-no-answer"].to_dict("records")
    text = (FIELD / "k03-urlfetch-failed-timeout.txt").read_text(encoding="utf-8").splitlines()
    ((source, lines),) = lines_cited(found.findings[found.findings["rule"] == "certutil-no-answer"]).items()
    assert (row["evidence"], source) == (None, 0)
    assert [text[line - 1].strip() for line in lines] == ['Failed "CDP" Time: 15']
    main(["remedy", str(FIELD / "k03-urlfetch-failed-timeout.txt")])
    assert f"lines 13, {lines[0]}" in capsys.readouterr().out  # and that of the address without a connection


def test_lines_of_several_findings_come_once_and_in_order():
    cells = pd.DataFrame({"evidence_lines": pd.array(["1:9 0:12", None, "0:3 1:9"], dtype="string")})
    assert lines_cited(cells) == {0: [3, 12], 1: [9]}


def test_a_remedy_that_nothing_names_still_has_its_card():
    found = asked("publish-cdp")
    assert found.reasons.empty and found.savings.empty
    assert "TEMPLATE: no finding of this log names this remedy" in write_ticket(found)


def test_the_text_says_all_that_a_ticket_needs():
    text = write_ticket(asked())
    plain = " ".join(text.split())
    for words in (
        "For the firewall team. This is a cure.",
        "to: crl.contoso.example, TCP port 80",
        "      Test-NetConnection pki.fabrikam.example -Port 80",
        "How sure: very sure",
        "of the 2 min 1 s that w3wp.exe (2616)",
    ):
        assert " ".join(words.split()) in plain
    for heading in ("Reason", "Risk", "How to check", "How to undo", "What it does not do", "Versions"):
        assert f"\n{heading}\n" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("      ")) <= 100


def test_text_of_a_log_is_no_markup_and_no_command():
    found = asked()
    row = found.reasons.head(1).assign(finding="[click](http://x) *b* <img src=x> \x1b[31m `rm`")
    names = {**found.names, "server": ["crl.test", "x;rm -rf", "a`b"], "server_ports": ["80", "80", "80"]}
    text = write_ticket(found._replace(reasons=row, names=names), markdown=True)
    assert "\\[click\\](http://x) \\*b\\* \\<img src=x\\> " in text
    assert "<img" not in text.replace("\\<img", "") and "[click]" not in text and "\x1b" not in text
    commands = [line.strip() for line in text.splitlines() if line.startswith("      ")]
    assert "Test-NetConnection crl.test -Port 80" in commands
    assert not any("rm -rf" in line or "`" in line for line in commands)


@pytest.mark.parametrize("fix", sorted(fixes()))
def test_every_remedy_makes_a_ticket(fix):
    found = asked(fix)
    assert found.fix.team in TEAMS
    for text in (write_ticket(found), write_ticket(found, markdown=True)):
        assert found.fix.id in text and not re.search(r"\{[a-z_]+\}", text)


def test_the_teams_are_the_same_everywhere():
    """The command line names them itself, so that --help imports nothing heavy."""
    assert set(remedy._TEAMS) == set(TEAMS) == set(ticket_page.TEAMS)


def test_the_verb(capsys, tmp_path):
    main(["remedy", LOG])
    out, err = capsys.readouterr()
    assert out.startswith("Let the servers reach the revocation and update hosts on port 80 (allow-pki-hosts)\n====")
    assert "other remedies for this log: machine-proxy (server)" in err
    main(["remedy", "shorter-timeouts", LOG, "-o", str(tmp_path / "ticket.md")])
    assert (tmp_path / "ticket.md").read_text(encoding="utf-8").startswith("# Shorten the time")
    main(["remedy", "--for", "pki", LOG])
    assert "no finding of this log names a remedy for the pki team" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["shorter-timeout", LOG], "did you mean shorter-timeouts?"),
        (["shorter-timeouts"], "name a log, too"),
        (["--for", "pki", "shorter-timeouts", LOG], "carried out by the server team"),
        ([LOG, "-f", "csv"], "choose text, md"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments, why, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["remedy", *arguments])
    assert stopped.value.code == 2 and why in capsys.readouterr().err
