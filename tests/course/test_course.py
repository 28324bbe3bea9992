"""The course: every case has a key that is right, choices that cannot be guessed, and an answer to each common mistake."""

import re
from random import Random

import pytest
import scenarios

import capi2kit as c2
from capi2kit.errors import OutputError, ScenarioError
from capi2kit.lab.cards import LETTERS
from capi2kit.lab.cases import case_named, case_of, cases
from capi2kit.lab.choices import course_words
from capi2kit.lab.course.marking import AnswerError, best, mark
from capi2kit.lab.course.paper import Paper, draw_paper, read_key, take_case, write_evidence
from capi2kit.lab.course.sitting import Sitting
from capi2kit.lab.questions import LEVELS, Question, questions_of
from capi2kit.lab.reading import names

CASES = [case.scenario for case in cases()]
NAMES = (
    "Contoso Corporation",
    "Fabrikam, Inc.",
    "Northwind Traders",
    "portal.wingtip.example",
    "w3wp.exe",
    "Tailspin Toys",
)
EXAM = range(1, 9)  # seeds


def paper_of(scenario: str) -> Paper:
    """The paper of a case without its evidence: from the truth that lies among the datasets."""
    case = case_of(scenario)
    questions = questions_of(scenarios.truth_of(scenario))
    return Paper(case.name, case.level, case.minutes, case.complaint, tuple(questions))


def answered(paper: Paper, answers: list[str]) -> float:
    """The share of the points that these answers get."""
    sitting = Sitting(paper)
    for number, given in enumerate(answers, 1):
        sitting.answer(number, given)
    return sitting.share


def by_lot(question: Question, dice: Random) -> str:
    """What somebody answers who knows nothing: of a number, its size at best."""
    if question.kind == "choice":
        return dice.choice(LETTERS[: len(question.options)])
    if question.kind in ("count", "seconds"):
        number = dice.uniform(0, max(20, 2 * float(question.answers[0])))
        return str(round(number)) if question.kind == "count" else f"{number:.1f}"
    codes = [one["code"] for one in course_words("questions")["meaning"]]
    return dice.choice(codes if question.kind == "code" else NAMES)


def test_every_scenario_is_a_case_once_under_a_name_that_says_nothing():
    assert sorted(CASES) == names()
    assert [case.name for case in cases()] == [f"case-{number:03}" for number in range(1, len(CASES) + 1)]
    for case in cases():
        assert case.level in LEVELS and 5 <= case.minutes <= 60 and case.topic
        assert (course_words("answers").keys() - {"nothing"}).isdisjoint(re.findall(r"[a-z-]+", case.complaint))


def test_most_cases_ask_five_questions_or_more_and_on_three_levels():
    asked = {scenario: paper_of(scenario).questions for scenario in CASES}
    assert sum(len(questions) >= 5 for questions in asked.values()) >= 90
    assert sum({one.level for one in questions} == set(LEVELS) for questions in asked.values()) >= 85
    assert (
        len({one.id for questions in asked.values() for one in questions})
        == len(course_words("questions")["question"]) - 1
    )


@pytest.mark.parametrize("scenario", CASES)
def test_the_key_gets_all_points_and_lot_less_than_a_third(scenario):
    paper = paper_of(scenario)
    assert answered(paper, [best(one) for one in paper.questions]) == 1
    assert answered(paper, [one.answers[0] for one in paper.questions]) == 1
    dice = Random(scenario)
    drawn = [answered(paper, [by_lot(one, dice) for one in paper.questions]) for _ in range(300)]
    assert sum(drawn) / len(drawn) < 0.30


@pytest.mark.parametrize("scenario", CASES)
def test_each_common_mistake_is_answered_by_its_own_text(scenario):
    for question in paper_of(scenario).questions:
        for wrong in question.wrong:
            found = mark(question, wrong.answer)
            assert not found.right and found.points == 0 and found.says == wrong.says and "{" not in found.says
            assert wrong.says or question.id.startswith("report")  # only the right sentence has nothing said to it
        assert len({wrong.says for wrong in question.wrong}) == len(question.wrong) or question.id == "cost"
        if question.kind == "choice":
            assert 4 <= len(question.options) == len(set(question.options)) == len(question.wrong) + 1


@pytest.mark.slow
@pytest.mark.parametrize("scenario", CASES)
def test_the_analysis_finds_the_figures_that_are_asked_for(scenario):
    a = scenarios.analysed(scenario)
    asked = {one.id: one for one in paper_of(scenario).questions}
    found: dict[str, object] = {}
    if len(a.waits):
        found |= {
            "retrievals": len(a.waits),
            "servers": a.waits["url_host"].nunique(),
            "longest": a.waits["wait_s"].max(),
        }
    if len(a.startups):
        worst = a.startups.sort_values(["waiting_wall_s", "wall_s"]).iloc[-1]
        mine = a.spans[a.spans["startup"].eq(worst["startup"]) & a.spans["operation"].eq("VerifyTrust")]
        found |= {"waiting": worst["waiting_wall_s"], "without": worst["wall_s"] - worst["waiting_wall_s"]}
        found["files"] = mine["target"].nunique()
    for name in asked.keys() & found.keys():
        assert mark(asked[name], str(found[name])).right, (name, found[name], asked[name].answers)


@pytest.mark.parametrize(
    ("kind", "right", "given", "is_right"),
    [
        ("seconds", "495.142", "495.1", True),
        ("seconds", "495.142", "495,1 s", True),
        ("seconds", "495.142", "8 min 15 s", True),
        ("seconds", "495.142", "495142 ms", True),
        ("seconds", "15.001", "15,001", True),
        ("seconds", "1234.500", "1,234.5", True),
        ("seconds", "495.142", "8.25", False),
        ("count", "185", "185 retrievals", True),
        ("count", "1185", "1,185", True),
        ("count", "185", "18", False),
        ("code", "80092013", "0x80092013", True),
        ("code", "80092013", "-2146885613", True),
        ("code", "80092013", "crypt_e_revocation_offline", True),
        ("code", "80092013", "80092012", False),
        ("name", "Contoso.Portal.dll", r"C:\AddIns\contoso.portal.DLL", True),
        ("name", "w3wp.exe", "w3wp", True),
        ("name", "Northwind Traders", '"CN=Northwind Traders"', True),
        ("name", "Northwind Traders", "Northwind", False),
    ],
)
def test_answers_are_read_as_people_write_them(kind, right, given, is_right):
    question = Question("x", "Easy", kind, "?", (right,), "", ("Look.",), tolerance=1.0 if kind == "seconds" else 0)
    assert mark(question, given).right is is_right


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("seconds", "long"),
        ("seconds", "3 apples"),
        ("count", "many"),
        ("code", "offline"),
        ("choice", "f"),
        ("name", " "),
    ],
)
def test_what_is_no_answer_is_asked_again(kind, given):
    question = Question("x", "Easy", kind, "?", ("1",), "", ("Look.",), options=("1", "2") if kind == "choice" else ())
    with pytest.raises(AnswerError, match="no answer to this question: write"):
        mark(question, given)


def test_a_choice_is_its_letter_its_number_or_its_text():
    question = Question("x", "Easy", "choice", "?", ("green",), "", ("Look.",), options=("red", "green", "blue"))
    assert [mark(question, given).right for given in ("b", "B)", "2", "Green", "a", "3")] == [True] * 4 + [False] * 2


def test_a_right_answer_counts_half_after_a_hint_and_only_the_first_counts():
    sitting = Sitting(paper_of("fix-before"))
    assert sitting.hint(1) != sitting.hint(1) and sitting.hint(1) == "There are no more hints."
    assert sitting.answer(1, best(sitting.question(1))).points == 0.5 and sitting.next == 2
    wrong = sitting.question(2).wrong[0].answer
    assert sitting.answer(2, wrong).points == 0 and sitting.answer(2, best(sitting.question(2))).right
    assert sitting.points == 0.5


@pytest.mark.parametrize("what", ["case-017", "17", "Case 17", "017", cases()[16].scenario])
def test_a_case_is_found_by_name_and_number(what):
    assert case_named(what) == cases()[16]


@pytest.mark.parametrize(
    ("what", "said"), [("case-999", "case-001 to case-098"), ("sharepoint-dorp", "sharepoint-drop"), ("", "case-001")]
)
def test_a_case_that_is_not_there_is_said_with_what_is(what, said):
    with pytest.raises(ScenarioError, match=said):
        case_named(what)


def test_the_evidence_of_a_case_is_that_of_its_scenario_and_nothing_more(tmp_path):
    paper = take_case(case_of("revoked").name)
    (path,) = write_evidence(paper, tmp_path / "x")
    assert path.read_bytes() == (scenarios.LAB / "revoked" / path.name).read_bytes()
    assert write_evidence(paper, tmp_path / "x") == [path]  # again: nothing to do
    path.write_bytes(b"mine")
    with pytest.raises(OutputError):
        write_evidence(paper, tmp_path / "x")
    assert path.read_bytes() == b"mine" and write_evidence(paper, tmp_path / "x", force=True)


@pytest.mark.parametrize("seed", EXAM)
def test_an_examination_is_fresh_and_its_key_is_right(seed):
    paper = draw_paper(seed)
    assert paper == draw_paper(seed) and paper.files and len(paper.questions) >= 6
    assert answered(paper, [best(one) for one in paper.questions]) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is no key"), ("[]", "is no key"), ('{"form": 2}', "form 2"), ('{"form": 1, "name": "x"}', "is no key")],
)
def test_a_file_that_is_no_key_is_refused(text, said, tmp_path):
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(ScenarioError, match=said):
        read_key(tmp_path / "key.json")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_key(tmp_path / "none.json")


def test_quiz_says_what_it_needs():
    with pytest.raises(c2.TableError, match="'case-017'"):
        c2.quiz(17)
