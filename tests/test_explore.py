"""Explore: filters over the waits, and the task of the wait that is chosen, in this process and in a real JupyterLab."""

import sys
from dataclasses import replace

import jupyterlab_driver as driver
import nbformat
import pandas as pd
import pytest
import scenarios

import capi2kit as c2
from capi2kit.render.notebook import explore as module
from capi2kit.render.notebook.explore import Choice, chosen, labelled

LOG = scenarios.LAB / "fix-before"


@pytest.fixture(scope="module")
def a():
    return scenarios.analysed("sharepoint-drop", None)


@pytest.mark.parametrize(
    ("words", "first", "last", "count"),
    [
        ({}, 0, 1e9, 185),
        ({"process": "w3wp.exe (4120)"}, 0, 1e9, 65),
        ({"process": "w3wp.exe (4120)", "server": "ctldl.windowsupdate.example"}, 0, 1e9, 1),
        ({"outcome": "ok"}, 0, 1e9, 0),
        ({"account": "NETWORK SERVICE"}, 0, 1e9, 65),
        ({}, 0, 0, 1),  # the first one alone
    ],
)
def test_a_choice_keeps_what_fits_it(words, first, last, count, a):
    kept = chosen(labelled(a.waits), Choice(words, first, last))
    assert len(kept) == count and kept["high_s"].is_monotonic_decreasing


def test_a_filter_changes_picture_table_and_sum_and_a_chosen_wait_shows_its_task(a):
    found = c2.explore(a)
    assert "185 waits of 185, 23 min 20 s with all threads added up." in found.summary.value
    found.filters["server"].value = "ctldl.windowsupdate.example"
    assert "1 wait of 185, 15.0 s" in found.summary.value and found.picture.value.count("<title>") == 1
    assert len(found.table.df) == 1 and "Choose a wait" in found.task.value
    found.table.selected_rows = [0]
    (task,) = a.waits.loc[a.waits["url_host"] == "ctldl.windowsupdate.example", "task_id"]
    assert f"Task {task}" in found.task.value and 'stroke-width="3"' in found.picture.value
    found.filters["server"].value = ""
    assert (
        "185 waits of 185" in found.summary.value and found.table.selected_rows == [] and "Choose" in found.task.value
    )


def test_a_window_of_time_keeps_what_began_in_it(a):
    found = c2.explore(a)
    found.window.value = (0.0, 60.0)
    begun = (a.waits["start"] - a.waits["start"].min()).dt.total_seconds()
    assert f"{int((begun <= 60).sum())} waits of 185" in found.summary.value


def test_where_nothing_can_be_clicked_the_longest_waits_are_shown(a, monkeypatch):
    bundle = c2.explore(a)._repr_mimebundle_()
    assert (
        "application/vnd.jupyter.widget-view+json" in bundle
        and "waits: 30 of 185 rows" in bundle["text/html"]
        and "2784" in bundle["text/html"]
    )
    monkeypatch.setitem(sys.modules, "itables.widget", None)
    card = c2.explore(a)
    assert "waits: 30 of 185 rows" in repr(card) and "capi2kit[lab]" in card._repr_html_()


def test_a_log_without_waits_can_be_explored_too():
    found = c2.explore(scenarios.analysed("healthy-warm"))
    assert "0 waits of 0" in found.summary.value and found.picture.value == ""


def test_many_waits_are_cut_in_the_table_and_said_to_be(a):
    many = pd.concat([a.waits] * 60, ignore_index=True)
    found = c2.explore(replace(a, waits=many))
    assert len(found.table.df) == module._ROWS and "the table holds the 1,000 longest" in found.summary.value
    assert found.picture.value.count("<title>") <= 400


@pytest.mark.slow
def test_in_jupyterlab_a_wait_that_is_clicked_shows_its_task(tmp_path):
    cells = [f"import capi2kit as c2\na = c2.analyse(c2.load({str(LOG)!r}))\na", "c2.explore(a)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "t.ipynb")
    with driver.jupyterlab(tmp_path) as address, driver.browser() as page:
        assert driver.errors(driver.run_all(page, address, tmp_path / "t.ipynb")) == []
        rows = driver.until(lambda: page.find_elements("css selector", "table.dataTable tbody tr"), page=page)
        driver.until(lambda: "No answer from certificate servers" in page.page_source, page=page)
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", rows[1])
        rows[1].click()
        shown = driver.until(lambda: page.find_elements("xpath", "//strong[starts-with(text(), 'Task ')]"), page=page)
        assert len(shown) == 1 and "w3wp.exe (2616)" in shown[0].text
