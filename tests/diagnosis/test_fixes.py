"""Fixes: a remedy is whole, is cited, and says what becomes of a wait."""

import dataclasses
import re

import pytest

from capi2kit.diagnosis.fixes import fix_of, fixes, fixes_of, read_fix
from capi2kit.diagnosis.rules import rules
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import DATA


def test_every_fix_is_cited_and_every_citation_is_a_fix():
    assert {fix for rule in rules() for fix in rule.fixes} == set(fixes())


def test_one_fix_is_read_alone():
    assert {name: fix_of(name) for name in fixes()} == fixes()
    with pytest.raises(KnowledgeError, match=r"fixes: there is no remedy '../rules/x'"):
        fix_of("../rules/x")


def test_a_fix_without_an_undo_is_none(tmp_path):
    sound = (DATA / "fixes" / "allow-pki-hosts.toml").read_text(encoding="utf-8")
    path = tmp_path / "allow-pki-hosts.toml"
    path.write_text(sound[: sound.index("undo")], encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"allow-pki-hosts.toml: 'undo' is missing or empty"):
        read_fix(path)
    path.write_text(sound + "colour = 'red'\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match="unknown key 'colour'"):
        read_fix(path)


def test_remedies_come_in_the_order_of_the_rule_and_what_nobody_should_do_last():
    found = [fix.id for fix in fixes_of("names-to-loopback shorter-timeouts allow-pki-hosts unknown")]
    assert found == ["shorter-timeouts", "allow-pki-hosts", "names-to-loopback"]
    assert fixes()["names-to-loopback"].kind == "never"
    assert all(not fix.becomes for fix in fixes().values() if fix.kind == "never")  # no saving is calculated for those


@pytest.mark.parametrize(
    "line", ["becomes = 'faster'", "limit_s = 1", "becomes = 'limited'", "becomes = 'limited'\nlimit_s = 0"]
)
def test_what_becomes_of_a_wait_is_one_of_a_few_words(tmp_path, line):
    text = (DATA / "fixes" / "purge-url-cache.toml").read_text(encoding="utf-8")
    path = tmp_path / "purge-url-cache.toml"
    path.write_text(f"{text}{line}\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"purge-url-cache.toml.*becomes"):
        read_fix(path)


SOUND = (DATA / "fixes" / "allow-pki-hosts.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SOUND + "shape = 'round'\ncolour = 'red'\n", "unknown key 'colour'"),  # the first of them
        (re.sub("(?m)^title = .*", "title = '  '", SOUND), "'title' is missing or empty"),
        (re.sub("(?m)^title = .*", "title = 3", SOUND), "'title' is missing or empty"),
        (re.sub("(?ms)^check = .*?^]", "check = []", SOUND), "'check' is missing or empty"),
        (re.sub("(?ms)^check = .*?^]", "check = 'one'", SOUND), "'check' is missing or empty"),
        (re.sub("(?ms)^check = .*?^]", "check = ['one', '']", SOUND), "'check' is missing or empty"),
        (re.sub("(?ms)^check = .*?^]", "check = ['one']", SOUND), "a line begins with one of cmd: , ps: , do: "),
        (re.sub("(?m)^team = .*", "team = 'magic'", SOUND), "a team: one of firewall, proxy, pki, server, security"),
        (re.sub("(?m)^versions = .*\n", "", SOUND), "'versions' is missing or empty"),
        (re.sub("(?m)^id = .*", "id = 'other'", SOUND), "needs the id allow-pki-hosts"),
        (re.sub("(?m)^kind = .*", "kind = 'magic'", SOUND), "a kind: one of cure, workaround, never"),
    ],
)
def test_a_fix_that_is_not_whole_is_refused(tmp_path, text, reason):
    path = tmp_path / "allow-pki-hosts.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=reason):
        read_fix(path)


def test_a_fix_does_not_change_and_none_is_cited_by_nothing():
    with pytest.raises(dataclasses.FrozenInstanceError):
        fixes()["allow-pki-hosts"].title = "other"
    assert (fixes()["allow-pki-hosts"].limit_s, fixes()["shorter-timeouts"].limit_s > 0) == (0.0, True)
    assert fixes_of(None) == fixes_of("") == []
