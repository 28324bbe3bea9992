"""The README: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import capi2kit as c2
from capi2kit.cli import OTHERS, VERBS, main
from capi2kit.diagnosis.fixes import fixes_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs(small_log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "WEB01.evtx").write_bytes(small_log.read_bytes())
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, {})
    assert (tmp_path / "spinup.html").stat().st_size > 10_000


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
def test_a_make_target_of_the_readme_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("verb", re.findall(r"^capi2kit ([a-z-]+)", README, re.MULTILINE))
def test_a_verb_of_the_readme_exists(verb):
    assert verb in VERBS | OTHERS


@pytest.mark.parametrize("link", re.findall(r"\]\(([^):]+)\)", README))
def test_a_link_of_the_readme_leads_to_a_file(link):
    assert (ROOT / link).exists()


CASES = re.findall(r"^\| [^|`]*: `capi2kit summary ([^`]+)` \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)


@pytest.mark.parametrize(("log", "finding", "remedy"), CASES)
def test_a_case_of_the_readme_has_its_finding_and_its_first_remedy(log, finding, remedy, capsys):
    main(["summary", str(ROOT / log)])
    assert finding in capsys.readouterr().out
    findings = c2.analyse(c2.load(ROOT / log)).findings.set_index("title")
    fixes = findings.loc[[finding], "fixes"].iloc[0]
    assert next((fix.title for fix in fixes_of(fixes)), "–") == remedy


def test_the_readme_tells_all_five_cases():
    assert len(CASES) == 8 and len({log for log, *_ in CASES}) == 6


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (r"(\d+) rules ask", len(list((ROOT / "capi2kit/data/rules").glob("*.toml")))),
        (r"(\d+) remedies say", len(list((ROOT / "capi2kit/data/fixes").glob("*.toml")))),
        (r"(\d+) labelled incidents", len(list((ROOT / "capi2kit/lab/scenarios").glob("*.toml")))),
    ],
)
def test_the_readme_counts_right(words, count):
    assert [int(found) for found in re.findall(words, README)] == [count]


def test_the_what_if_of_the_readme_is_what_is_printed(capsys):
    block = re.search(r"^\$ capi2kit whatif (\S+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert block
    main(["whatif", "-q", str(ROOT / block[1])])
    assert capsys.readouterr().out == block[2]
