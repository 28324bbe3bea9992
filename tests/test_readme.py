"""The README: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import capi2kit as c2
from capi2kit.cli import OTHERS, VERBS, main
from capi2kit.diagnosis.fixes import fixes_of

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def test_the_python_of_the_readme_runs(small_log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "WEB01.evtx").write_bytes(small_log.read_bytes())
    for block in re.findall(r"```python\n(.*?)```", ALL, re.DOTALL):
        exec(block, {})
    assert (tmp_path / "spinup.html").stat().st_size > 10_000


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z]+)", ALL, re.MULTILINE))
def test_a_make_target_of_the_readme_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("verb", re.findall(r"^capi2kit ([a-z-]+)", ALL, re.MULTILINE))
def test_a_verb_of_the_readme_exists(verb):
    assert verb in VERBS | OTHERS


@pytest.mark.parametrize(
    "target",
    [page.parent / link for page in PAGES for link in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8"))],
    ids=lambda path: path.name,
)
def test_a_link_of_a_page_leads_to_a_file(target):
    assert target.exists()


def test_every_page_is_reached_from_the_readme_and_every_picture_has_a_text():
    assert all(f"docs/{page.name}" in README for page in PAGES[1:])
    assert all(len(text) > 20 for text in re.findall(r"!\[([^\]]*)\]", ALL))


def test_the_readme_is_one_screen():
    lines = [line for line in README.splitlines() if line]
    assert len(lines) < 60 and "first_page.png" in README


CASES = re.findall(r"^\| [^|`]*: `capi2kit summary ([^`]+)` \| ([^|]+) \| ([^|]+) \|$", ALL, re.MULTILINE)


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
        (r"(\d+) remedies (?:say|would save)", len(list((ROOT / "capi2kit/data/fixes").glob("*.toml")))),
        (r"(\d+) labelled incidents", len(list((ROOT / "capi2kit/lab/scenarios").glob("*.toml")))),
    ],
)
def test_the_readme_counts_right(words, count):
    assert {int(found) for found in re.findall(words, ALL)} == {count}


def test_the_what_if_of_the_readme_is_what_is_printed(capsys):
    block = re.search(r"^\$ capi2kit whatif (\S+)\n(.*?)^```", ALL, re.MULTILINE | re.DOTALL)
    assert block
    main(["whatif", "-q", str(ROOT / block[1])])
    assert capsys.readouterr().out == block[2]
