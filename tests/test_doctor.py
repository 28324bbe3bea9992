"""Doctor: a whole installation is well; a bad rule, a missing package or an empty folder is a fault and an exit code."""

from importlib import metadata

import pytest

from capi2kit.cli import main
from capi2kit.knowledge import DATA


def doctor(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str]:
    try:
        main(["doctor", *arguments])
        code = 0
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, capsys.readouterr().out


def test_this_installation_is_well(capsys):
    code, out = doctor(capsys)
    assert code == 0
    assert f"{len(list((DATA / 'rules').glob('*.toml')))} rules" in out
    assert f"pandas {metadata.version('pandas')}" in out
    assert out.endswith("all is well\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "holds no file"),
        ("id = 'x", "is not valid TOML"),
        ("id = 'mine'\ntitle = 'T'", "lacks the key 'match'"),
    ],
)
def test_rules_of_the_user_get_the_same_checks(capsys, tmp_path, text, why):
    if text:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    code, out = doctor(capsys, "--rules", str(tmp_path))
    assert code == 3
    assert "FAULT" in out
    assert why in out


def test_a_rule_with_code_in_it_is_a_fault_and_does_not_run(capsys, tmp_path):
    sound = (DATA / "rules" / "firewall-drops.toml").read_text(encoding="utf-8")
    flag = tmp_path / "ran"
    hostile = sound.replace("outcome == 'timeout'", f"open('{flag}', 'w')")
    (tmp_path / "firewall-drops.toml").write_text(hostile, encoding="utf-8")
    code, out = doctor(capsys, "--rules", str(tmp_path))
    assert (code, flag.exists()) == (3, False)
    assert "firewall-drops.toml" in out


def test_a_sound_rule_of_the_user_is_well(capsys, tmp_path):
    (tmp_path / "wpad-slow.toml").write_bytes((DATA / "rules" / "wpad-slow.toml").read_bytes())
    assert doctor(capsys, "--rules", str(tmp_path))[0] == 0


def test_a_needed_package_that_is_missing_is_a_fault(capsys, monkeypatch):
    def gone(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", gone)
    code, out = doctor(capsys)
    assert code == 3
    assert "FAULT package pandas is missing" in out
