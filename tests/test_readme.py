"""The README: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import capi2kit as c2
from capi2kit.cli import OTHERS, VERBS, main
from capi2kit.diagnosis.fixes import fixes_of
from capi2kit.lab.course.paper import take_case

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = ("_made", "_build")
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in MADE),
]
README = PAGES[0].read_text(encoding="utf-8")
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def test_the_python_of_the_readme_runs(small_log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "WEB01.evtx").write_bytes(small_log.read_bytes())
    (tmp_path / "farm").mkdir()
    (tmp_path / "farm" / "any.evtx").write_bytes(small_log.read_bytes())
    for block in re.findall(r"```python\n(.*?)```", ALL, re.DOTALL):
        exec(block, {})
    assert (tmp_path / "spinup.html").stat().st_size > 10_000


@pytest.mark.parametrize("line", dict.fromkeys(re.findall(r"^\$ (capi2kit .*(?:WEB01|--level).*)$", ALL, re.MULTILINE)))
def test_a_command_of_a_page_runs_as_it_is_printed(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, dataset in (("WEB01", "fix-before"), ("AFTER", "fix-after")):
        (log,) = (ROOT / "datasets" / "lab" / dataset).glob("*.evtx")
        (tmp_path / f"{name}.evtx").write_bytes(log.read_bytes())
    if "verify" in line:
        main(["report", "WEB01.evtx", "-o", "incident.html"])
    main(shlex.split(line)[1:])
    assert capsys.readouterr().out


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
    """Those to pages that are made are looked at when the site is built."""
    assert target.exists() or "_made" in target.parts


def test_every_page_is_reached_from_the_readme_or_from_another_and_every_picture_has_a_text():
    for page in PAGES[1:]:
        name = str(page.relative_to(DOCS).with_suffix(""))
        assert f"docs/{name}.md" in README or re.search(rf"^(\.\./|howto/)?{page.stem}$", ALL, re.MULTILINE), name
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


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees"]
    built = subprocess.run([*command, DOCS, tmp_path / "html"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = {str(path.relative_to(tmp_path / "html")) for path in (tmp_path / "html").rglob("*.html")}
    assert {"index.html", "howto/instructor.html", "_made/rules.html", "_made/notebooks/03_slow_spinup.html"} <= pages
    rules = (tmp_path / "html" / "_made" / "rules.html").read_text(encoding="utf-8")
    assert all(f'id="rule-{path.stem}"' in rules for path in (ROOT / "capi2kit" / "data" / "rules").glob("*.toml"))
    for page in pages:
        text = (tmp_path / "html" / page).read_text(encoding="utf-8")
        assert not re.findall(
            r'(?:src|href)="(?:https?:)?//(?!learn|github|pastebin)[^"]*\.(?:js|css|woff2?)"', text
        ), page


@pytest.mark.slow
def test_the_kit_of_an_instructor_needs_no_network(tmp_path):
    pytest.importorskip("weasyprint")
    if not shutil.which("npm"):
        pytest.skip("no npm to fetch reveal.js with: install Node.js")
    made = subprocess.run([sys.executable, DOCS / "kit.py", tmp_path], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    slides = (tmp_path / "slides.html").read_text(encoding="utf-8")
    assert slides.count("<section") > 60 and "Reveal.initialize" in slides and "PKI in ten minutes" in slides
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', slides) and "@import" not in slides
    cases = re.findall(
        r"^\| (case-\d{3}) \|", (DOCS / "howto" / "instructor.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(path.stem for path in (tmp_path / "handouts").glob("*.pdf")) == sorted(set(cases))
    handout = texts_of_pdf(tmp_path / "handouts" / "case-017.pdf")
    answers = texts_of_pdf(tmp_path / "answers" / "case-017.pdf")
    paper = take_case("case-017")
    assert (
        paper.complaint[:40] in handout
        and "network-service-denied" in answers
        and "network-service-denied" not in handout
    )
    assert paper.questions[0].because[:40] in answers and paper.questions[0].because[:40] not in handout


def texts_of_pdf(path: Path) -> str:
    """The text of all pages, with single blanks."""
    from pypdf import PdfReader

    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())
