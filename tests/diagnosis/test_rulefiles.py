"""Rule files: what a rule may not be, and that its words can only name columns."""

import dataclasses
import os

import pytest
from rule_on_a_table import RULE, asked

from capi2kit.diagnosis.rules import read_rule, rules
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import columns

BAD = {
    "a cost on a text": (
        'cost = "wait_s"',
        'cost = "url"',
        "line 10: .*column 'url' of table waits: it is string, not a number",
    ),
    "a text as a number": ("{{host}}", "{{host:.1f}}", "line 13: the finding shows 'host' as a number"),
    "a form that is none": ("{{cost_s:.1f}}", "{{cost_s:.1d}}", "line 13: .*is not a valid placeholder"),
    "a number as a title": ('title = "Somebody waited"', "title = 5", "line 3: 'title' must be a text, but is '5'"),
    "numbers as fixes": ('["allow-pki-hosts"]', "[1]", "line 15: 'fixes' must be a list of texts"),
    "a text as a number of rows": ("min_rows = 2", 'min_rows = "two"', "'min_rows' must be a whole number, 1 or more"),
    "an endless number": ("min_rows = 2", "min_rows = " + "9" * 5000, "line 9: a number of more than 40 digits"),
    "a number beyond 64 bits": ("min_rows = 2", "min_rows = " + "9" * 30, "line 9: a number beyond 64 bits"),
    "lists in lists": ("min_rows = 2", f"min_rows = {'[' * 20}{']' * 20}", "line 9: nested deeper than 8"),
    "endless lists": ("min_rows = 2", "min_rows = " + "[" * 30_000, "nested deeper than 8|longer than"),
    "an endless key": ("min_rows = 2", "a" + ".a" * 5000 + " = 1", "a key of too many parts"),
    "many keys": ("{more}", "\n".join(f"k{n} = 1" for n in range(3000)), "more than 2000 keys and values"),
    "a long file": ("{more}", "# " + "x" * 70_000, "is longer than 65536 bytes"),
    "a cost that is no column": (
        'cost = "wait_s"',
        'cost = "euros"',
        "column 'euros' of table waits: it does not exist",
    ),
    "an unknown key": ('severity = "high"', 'severity = "high"\ncolour = "red"', "unknown key 'colour'"),
    "an unknown severity": ('severity = "high"', 'severity = "awful"', "line 4: .*a severity .one of"),
    "another id": ('id = "test"', 'id = "other"', "line 2: .*id test"),
    "a column that is not there": ("outcome ==", "colour ==", "there is no column 'colour'"),
    "a call": ("outcome == 'timeout'", "outcome.str.len() > 1", "not part of the language|must begin with the name"),
    "a table that is not there": ('table = "waits"', 'table = "wishes"', "there is no table 'wishes'"),
    "a group that is no column": ('["host", "user_sid"]', '["host", "colour"]', "no column 'colour'"),
    "a finding that names something else": ("{{user_sid}} on", "{{password}} on", "names 'password'"),
    "a fix that is not there": ('["allow-pki-hosts"]', '["wish"]', "there is no fix 'wish'"),
    "no proof": ('fires_on = ["sharepoint-drop"]', "fires_on = []", "a scenario to fire on"),
    "no source": ('source = "this test"', 'source = ""', "a source"),
    "two unknown keys": (
        'severity = "high"',
        'severity = "high"\nshape = 1\ncolour = 2',
        "line 6: unknown key 'colour'",
    ),
    "two keys that are missing": (
        'fixes = ["allow-pki-hosts"]\nconfirm = ["cmd: netsh winhttp show proxy"]',
        "",
        "'confirm'",
    ),
    "two groups that are no columns": ('["host", "user_sid"]', '["shape", "colour"]', "no column 'colour'"),
    "two fixes that are not there": ('["allow-pki-hosts"]', '["wish", "hope"]', "there is no fix 'hope'"),
    "no row at all": ("min_rows = 2", "min_rows = 0", "'min_rows' must be a whole number, 1 or more"),
    "true as a number": ("min_rows = 2", "min_rows = true", "'min_rows' must be a whole number, 1 or more"),
    "no TOML": ("[match]", "[match", "is not valid TOML"),
    "a join on something else": (
        "{more}",
        "[[also]]\ntable = 'waits'\nwhere = 'true'\non = ['url']",
        "joined on 'url'",
    ),
}


@pytest.mark.parametrize(("old", "new", "why"), BAD.values(), ids=BAD)
def test_a_bad_rule_is_refused_with_its_file(tmp_path, old, new, why):
    assert old in RULE
    with pytest.raises(KnowledgeError, match=f"^test.toml.*({why})"):
        asked(tmp_path, text=RULE.replace(old, new))


@pytest.mark.parametrize("word", ["{{host.__class__}}", "{{host!r}}", "{{0}}", "{{host:>999999}}", "{{}}"])
def test_words_can_only_name_columns(tmp_path, word):
    row = asked(tmp_path, text=RULE.replace("{{host}}", word)).iloc[0]
    assert word.replace("{{", "{").replace("}}", "}") in row["finding"]  # it stands there as it is


def test_a_rule_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "test.toml")
    with pytest.raises(KnowledgeError, match=r"test.toml: is not a regular file"):
        read_rule(tmp_path / "test.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(KnowledgeError, match=r"folder.toml: is not a regular file"):
        read_rule(tmp_path / "folder.toml")


@pytest.mark.parametrize("part", ["wait_s < 'long'", "url"])
def test_what_cannot_be_compared_is_refused_when_the_rule_is_read(tmp_path, part):
    text = RULE.format(more="").replace("outcome ==", f"outcome == 'none like that' and {part} and outcome ==")
    (tmp_path / "test.toml").write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"^test.toml: expression .*: cannot be compared like this"):
        read_rule(tmp_path / "test.toml")


def test_one_row_may_be_enough(tmp_path):
    assert asked(tmp_path, text=RULE.replace("min_rows = 2", "min_rows = 1"))["host"].tolist() == ["A", "B", "C"]
    assert asked(tmp_path, text=RULE.replace("min_rows = 2", ""))["host"].tolist() == ["A", "B", "C"]


def test_a_rule_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules()[0].title = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules()[0].match.table = "spans"


def test_rules_name_columns_that_the_vocabulary_has():
    for rule in rules():
        for condition in (rule.match, *rule.also, *rule.unless, *rule.weakens):
            assert condition.where.names <= set(columns(condition.table)), rule.id
