"""The README: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capi2kit.cli import OTHERS, VERBS

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
