"""Tasks: what somebody means by a few characters."""

import pytest
import scenarios

from capi2kit.questions.tasks import tasks_of


@pytest.fixture(scope="module")
def tables():
    a = scenarios.analysed("sharepoint-drop", None)
    return a.case.events, a.waits


def test_without_a_word_it_is_the_task_that_waited_longest(tables):
    events, waits = tables
    assert tasks_of(events, waits) == [waits.sort_values("high_s", kind="stable")["task_id"].iloc[-1]]
    assert tasks_of(events, waits.head(0)) == [events.reset_index()["task_id"].dropna().iloc[0]]
    assert tasks_of(events.head(0), waits.head(0)) == []


@pytest.mark.parametrize("what", ["48A8", "48a8a978", "{48A8A978-C902-4C72-8B99-4BF21D2E2B0A}", " 48A8A978 "])
def test_the_beginning_of_a_task_id_is_enough(what, tables):
    assert tasks_of(*tables, what=what) == ["48A8A978-C902-4C72-8B99-4BF21D2E2B0A"]


def test_a_record_id_names_its_task_as_text_or_number(tables):
    assert tasks_of(*tables, what=52) == tasks_of(*tables, what="52") == ["48A8A978-C902-4C72-8B99-4BF21D2E2B0A"]


def test_a_part_of_a_url_names_the_tasks_that_waited_for_it_longest_first(tables):
    events, waits = tables
    found = tasks_of(events, waits, what="CTLDL")
    (waited,) = waits.loc[waits["url_host"] == "ctldl.windowsupdate.example", "task_id"]
    assert found == [waited]
    assert len(tasks_of(events, waits, what=".crl")) > 50


@pytest.mark.parametrize("what", ["zzz", "", "99999999999999999999", "{}"])
def test_what_fits_nothing_gives_nothing_or_all_of_nothing(what, tables):
    assert tasks_of(*tables, what=what) == []
