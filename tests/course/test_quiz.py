"""Who asks: the terminal, the notebook with and without widgets, and examinations on paper."""

import json
import sys
from pathlib import Path

import jupyterlab_driver as driver
import nbformat
import pytest

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.lab.cases import case_of
from capi2kit.lab.course.marking import best
from capi2kit.lab.course.paper import read_key, take_case

REVOKED = case_of("revoked").name  # nobody waits long, and its answers are short


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def typed(monkeypatch, *lines: str) -> None:
    """What a person types."""
    left = iter(lines)

    def read(_: str = "") -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)


def run(capsys, *arguments: str) -> str:
    main(["quiz", *arguments])
    return capsys.readouterr().out


def refused(capsys, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(["quiz", *arguments])
    return stop.value.code, capsys.readouterr().err


def test_the_cases_are_listed_by_what_somebody_complains_of(capsys):
    said = run(capsys, "--level", "easy")
    assert "does not sign any more" in " ".join(said.split()) and "hard" not in said
    assert said.splitlines()[-1].startswith("23 cases")


def test_a_case_is_taken_on_a_terminal(capsys, monkeypatch):
    keys = [best(one) for one in take_case(REVOKED).questions]
    typed(monkeypatch, "d", "80092010", "?", "Northwind Traders", "", "z", "a", *keys[5:])
    said = run(capsys, REVOKED)
    assert f"The evidence: {REVOKED}/" in said and len(list(Path(REVOKED).iterdir())) == 1
    assert "Right.\n" in said and "Right. Half a point, after a hint." in said
    assert "80092010 is the result of the chain." in " ".join(said.split())
    assert "'z' is no answer to this question: write one of the letters a to e." in said
    assert said.rstrip().endswith("7.5 of 10 points (75%)\nLook again at questions 2 and 4.")


def test_the_key_gets_all_points_on_a_terminal(capsys, monkeypatch):
    typed(monkeypatch, *[best(one) for one in take_case(REVOKED).questions])
    assert run(capsys, REVOKED).rstrip().endswith("10 of 10 points (100%)\nAll right.")


@pytest.mark.parametrize("end", [["q"], []])
def test_one_who_stops_gets_the_points_so_far(end, capsys, monkeypatch):
    typed(monkeypatch, "d", *end)
    assert run(capsys, REVOKED).rstrip().endswith("1 of 10 points (10%)")


def test_an_examination_is_made_filled_and_marked(capsys):
    said = run(capsys, "--new", "--seed", "3", "-o", "room 5")
    key = read_key("room 5-key.json")
    handed_out = sorted(path.name for path in Path("room 5").iterdir())
    assert (
        handed_out == ["answers.txt", "evidence", "questions.txt"] and "keep room 5-key.md and room 5-key.json" in said
    )
    page = " ".join(Path("room 5/questions.txt").read_text().split())
    assert all(question.text in page for question in key.questions) and "3" not in key.name.split("-")[0]
    assert not any(question.because in page for question in key.questions)
    right = "\n".join(f"{number}: {best(one)}" for number, one in enumerate(key.questions, 1))
    Path("anna.txt").write_text(f"# {key.name}. Name: Anna\n{right}\n", encoding="utf-8")
    Path("ben.txt").write_text(Path("room 5/answers.txt").read_text() + "\n", encoding="utf-16")
    marked = run(capsys, "--key", "room 5-key.json", "--answers", "anna.txt", "ben.txt").splitlines()
    assert "(100%) All right." in marked[0] and marked[1].startswith("ben.txt: 0 of ")
    assert "is a form of exam-" in refused(capsys, REVOKED, "--answers", "ben.txt")[1]


def test_the_same_seed_makes_the_same_examination(capsys):
    run(capsys, "--new", "--seed", "4", "-o", "one")
    run(capsys, "--new", "--seed", "4", "-o", "two")
    one, two = ({path.name: path.read_bytes() for path in Path(name).rglob("*.*")} for name in ("one", "two"))
    assert one == two and len(one) >= 3
    assert json.loads(Path("one-key.json").read_text()) == json.loads(Path("two-key.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["case-999"], 3, "there is no such case"),
        ([REVOKED, "--new"], 2, "choose one of CASE, --new and --key"),
        ([REVOKED, "--seed", "1"], 2, "--seed: only with --new"),
        (["--answers", "x.txt"], 2, "name the CASE"),
        (["--key", "none.json"], 3, "cannot be read"),
        ([REVOKED, "--answers", "none.txt"], 3, "cannot be read"),
        ([REVOKED, "--answers", "empty.txt"], 3, "holds no answers"),
        ([REVOKED, "--answers", "twice.txt"], 3, "twice.txt: has an answer 1 twice"),
        ([REVOKED, "--answers", "many.txt"], 3, "only 1 to 10 are asked"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, code, said, capsys):
    Path("twice.txt").write_text("1: a\n1: b\n")
    Path("empty.txt").write_text("b, c, d")
    Path("many.txt").write_text("11: a\n")
    found, message = refused(capsys, *arguments)
    assert found == code and said in message


def test_a_case_is_taken_in_a_notebook_without_widgets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.delitem(sys.modules, "capi2kit.lab.course.widgets", raising=False)
    q = c2.quiz(REVOKED)
    shown = q._repr_mimebundle_()["text/html"]
    assert "One add-in is refused" in shown and "capi2kit[lab]" in shown and "pip install" not in repr(q)
    assert len(c2.load(q.log).events) == 82 and len(q) == 10
    assert "800B010C" not in repr(q.ask(2)) and "write" not in repr(q.answer(2, "800b010c"))
    assert "Half a point" not in repr(q.answer(2, "800b010c")) and repr(q.score()).startswith("1 of 10")
    assert "Hint: " in repr(q.hint(3)) and "Half a point" in repr(q.answer(3, "Northwind Traders"))
    assert "no answer to this question" in repr(q.answer(1, "y"))
    with pytest.raises(c2.ScenarioError, match="1 to 10"):
        q.ask(11)


def test_a_case_is_taken_in_a_notebook_with_widgets():
    pytest.importorskip("ipywidgets")
    from capi2kit.lab.course.sitting import Sitting
    from capi2kit.lab.course.widgets import Form

    sitting = Sitting(take_case(REVOKED))
    form = Form(sitting, log=Path("case"))
    form.choice.value = sitting.question(1).answers[0]
    form.check.click()
    assert "Right." in form.said.value and form.check.disabled and "1 of 10 points" in form.score.value
    form.onward.click()
    assert "Question 2 of 10" in form.question.value and form.choice.layout.display == "none"
    form.line.value = "nothing"
    form.check.click()
    assert "no answer to this question" in form.said.value and not form.check.disabled
    form.hint.click()
    form.line.value = "0x800B010C"
    form.check.click()
    assert "Half a point" in form.said.value and sitting.points == 1.5
    while sitting.next:
        form.onward.click()
        question = sitting.question(form.number)
        (form.choice if question.options else form.line).value = question.answers[0]
        form.check.click()
    assert "9.5 of 10 points (95%)" in form.score.value
    form.onward.click()
    assert form.number == 1 and form.check.disabled


@pytest.mark.slow
def test_in_a_real_jupyterlab_a_question_is_answered_by_clicking(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"import capi2kit as c2\nc2.quiz({REVOKED!r})")]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "q.ipynb")
    (first, *_) = take_case(REVOKED).questions
    with driver.jupyterlab(tmp_path) as address, driver.browser() as page:
        assert driver.errors(driver.run_all(page, address, tmp_path / "q.ipynb")) == []
        find = page.find_elements
        label = f"//label[contains(., {first.answers[0][:30]!r})]//input"
        driver.until(lambda: driver.clicked(find("xpath", label)), page=page)
        driver.until(lambda: driver.clicked(find("xpath", "//button[.='Check']")), page=page)
        driver.until(lambda: "Right." in page.page_source and "1 of 10 points" in page.page_source, page=page)


def test_without_a_name_all_cases_are_listed():
    assert repr(c2.quiz()).count("case-") == 98 and c2.quiz()._repr_html_().count("<tr>") == 99
