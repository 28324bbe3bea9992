"""Commands: every line that a rule, a remedy or a table asks a person to run has a known form.

A line for cmd.exe must be one of the forms of commands.csv, each with its source; a line for PowerShell must parse by its grammar.
"""

from __future__ import annotations

import re

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from capi2kit.cli import OTHERS, VERBS
from capi2kit.diagnosis.fixes import fixes
from capi2kit.diagnosis.rules import rules
from capi2kit.diagnosis.steps import CMD, NAMES, PS, SENTENCE, Step, filled, read_step, read_steps
from capi2kit.knowledge import rows
from capi2kit.knowledge.sources import sources_of

SAMPLE = {word: [f"x.{word}.test"] for word in NAMES} | {
    "server_ports": ["80"], "port": ["80"], "url": ["http://x.test/a.crl"], "sid": ["S-1-5-20"], "target": ["C:\\a\\b.dll"],
}  # fmt: skip
FORMS = [re.compile(row["form"], re.IGNORECASE) for row in rows("commands")]


def steps() -> list[tuple[str, Step]]:
    """Every line that anything asks a person to run, with who asks; names filled in, words in angle brackets as one word."""
    said = [(rule.id, step) for rule in rules() for step in read_steps(rule.confirm)]
    said += [(fix.id, step) for fix in fixes().values() for step in (*fix.commands, *fix.check, *fix.undo)]
    return [
        (who, one._replace(text=re.sub(r"<[^<>]*>", "x", one.text)))
        for who, step in said
        for one in filled([step], SAMPLE)
    ]


STEPS = steps()
CMDS = sorted({step.text for _, step in STEPS if step.kind == CMD})
SHELL = sorted({step.text for _, step in STEPS if step.kind == PS})


def commands_in(line: str) -> list[str]:
    """The commands of a line for cmd.exe: what stands between &&, | and redirections, without the folder of the program."""
    quoted = re.compile(r'"[^"]*"')
    kept = quoted.findall(line)
    bare = quoted.sub("\0", line)
    parts = [re.sub(r"\s*2?>>?\s*\S+", "", part).strip() for part in re.split(r"&&|\|\||\||&", bare)]
    texts = iter(kept)
    whole = [re.sub("\0", lambda _: next(texts), part) for part in parts]
    return [
        re.sub(r"^\"?(?:%\w+%|[A-Za-z]:)[^\s\"]*\\([\w.]+?)(?:\.exe)?\"?(?=\s|$)", r"\1", one) for one in whole if one
    ]


def known(command: str) -> bool:
    program, _, rest = command.partition(" ")
    if program == "capi2kit":
        return rest.split()[0] in VERBS | OTHERS
    return any(form.fullmatch(command) for form in FORMS)


def errors(text: str) -> bool:
    """Whether a text is no PowerShell."""
    return Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node.has_error


@pytest.mark.parametrize("line", CMDS)
def test_every_line_for_cmd_is_of_a_known_form(line):
    assert [command for command in commands_in(line) if not known(command)] == []


@pytest.mark.parametrize("line", SHELL)
def test_every_line_for_powershell_parses(line):
    assert not errors(line)


def test_lines_of_tables_are_of_a_known_form():
    for row in rows("offline"):
        lines = [
            row[key].replace("{url}", "http://x.test/a.crl").replace("{file}", "a.crl") for key in ("fetch", "install")
        ]
        for line in filter(None, lines):
            assert (
                not errors(line)
                if line[0].isupper()
                else known(re.sub(r"'([^']*)'", r'"\1"', re.sub(r"<[^<>]*>", "x", line)))
            )


def test_there_are_lines_of_each_kind():
    assert len(CMDS) > 60 and len(SHELL) > 10
    assert {step.kind for _, step in STEPS} == {CMD, PS, SENTENCE}


@pytest.mark.parametrize(
    "line",
    [
        "certutil -purge", "certutil -urlfetch x", "netsh winhttp set wpad off", "reg put HKLM\\A", "bitsadmin /proxy", "format c:",
        "certutil -store Root & format c:", "appcmd set everything",
    ],
)  # fmt: skip
def test_a_command_that_does_not_exist_is_seen(line):
    assert any(not known(command) for command in commands_in(line))


@pytest.mark.parametrize("line", ["Get-Item (", "if {", "Get-ChildItem | | Sort-Object"])
def test_what_is_no_powershell_is_seen(line):
    assert errors(line)


@pytest.mark.parametrize("row", rows("commands"), ids=lambda row: row["form"][:40])
def test_a_form_is_used_or_warns_and_has_a_source(row):
    form = re.compile(row["form"], re.IGNORECASE)
    every = [command for line in CMDS for command in commands_in(line)]
    every += [
        re.sub(r"'([^']*)'", r'"\1"', re.sub(r"<[^<>]*>", "x", row[key]))
        for row in rows("offline")
        for key in ("fetch", "install")
    ]
    assert (row["disturbs"] or any(form.fullmatch(command) for command in every)) and sources_of(row["source"])


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("certutil -verify -urlfetch x.cer", "collect the evidence first"),
        ("certutil -URL http://x.test/a.crl", "not on Server Core"),
        ("certutil -urlcache * delete", "deletes evidence"),
        ("certutil -syncWithWU x", "security team"),
    ],
)
def test_what_would_change_the_evidence_says_so(program, words):
    assert words in read_step(f"cmd: {program}").warning
