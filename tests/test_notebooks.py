"""Notebooks: all run from top to bottom on their dataset, and their figures agree with its truth."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jupyterlab_driver as driver
import nbformat
import pytest
import scenarios
from stored_notebooks import executed, texts

from capi2kit.cli import main
from capi2kit.render.notebook.casefile import case_notebook
from capi2kit.words import seconds

HERE = Path(__file__).parent.parent
NOTEBOOKS = sorted((HERE / "notebooks").glob("*.ipynb"))
LAB = HERE / "datasets" / "lab"
CAPI2 = "Microsoft-Windows-CAPI2%4Operational.evtx"
TICK_S = 0.016  # of the clock that stamps records


def run(name: str, monkeypatch, *, log: Path | None) -> tuple[str, int]:
    """Execute a notebook; what it printed, and how many charts it showed. Without `log` it takes its own."""
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    if log is None:
        monkeypatch.delenv("LOG", raising=False)
    else:
        monkeypatch.setenv("LOG", str(log))
    notebook = nbformat.read(HERE / "notebooks" / f"{name}.ipynb", as_version=4)
    client(notebook, timeout=120, resources={"metadata": {"path": str(HERE / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    charts = sum("image/png" in output.get("data", {}) for output in outputs)
    shown = (output.get("text", "") or output.get("data", {}).get("text/html", "") for output in outputs)
    return "".join(shown), charts


def figure(printed: str, pattern: str) -> float:
    """The number that the notebook printed where the pattern has its group."""
    found = re.search(pattern, printed)
    assert found, f"nothing like {pattern!r} in:\n{printed}"
    return float(found[1])


@pytest.mark.real
@pytest.mark.slow
def test_the_first_look_at_the_real_log(real_logs, monkeypatch):
    printed, charts = run(
        "01_first_look", monkeypatch, log=real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"
    )
    assert "waited 14.2 s of its first 14.5 s" in printed and "Setup.exe (2044)" in printed
    assert charts >= 1


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS if path.stem != "07_many_hosts"])  # it takes a farm
def test_every_notebook_runs_on_the_real_log(name, real_logs, monkeypatch):
    _, charts = run(name, monkeypatch, log=real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx")
    assert charts >= 1


def test_pki_in_ten_minutes_shows_what_it_speaks_of(monkeypatch):
    printed, charts = run("00_pki_in_ten_minutes", monkeypatch, log=None)
    healthy, silent = scenarios.truth_of("healthy-cold"), scenarios.truth_of("fix-before")
    assert f"waits: 8 of {len(healthy['waits'])} rows" in printed and "Healthy: w3wp.exe" in printed
    assert (
        f"{len(silent['waits'])} of {len(silent['waits'])}" in printed
        and "No answer from certificate servers" in printed
    )
    assert "OCSP" in printed and "CRYPT_E_NO_REVOCATION_CHECK" in printed and charts == 3


def test_the_first_look_at_a_dataset(monkeypatch):
    (start,) = scenarios.truth_of("slow-wpad")["startups"]
    printed, charts = run("01_first_look", monkeypatch, log=LAB / "slow-wpad" / CAPI2)
    assert figure(printed, r"true waits: +([\d.]+) s") == pytest.approx(start["waiting_s"], abs=start["waits"] * TICK_S)
    assert figure(printed, r"wall time: +([\d.]+) s") == pytest.approx(start["wall_s"], abs=2 * TICK_S)
    assert charts >= 1 and "The search for a proxy (WPAD) costs the time" in printed


def test_before_and_after_agrees_with_the_truth(monkeypatch):
    monkeypatch.delenv("AFTER", raising=False)
    printed, charts = run("05_before_and_after", monkeypatch, log=None)
    ((before,), (after,)) = (scenarios.truth_of(name)["startups"] for name in ("fix-before", "fix-after"))
    assert figure(printed, r"w3wp\.exe: ([\d.]+) s before") == pytest.approx(before["wall_s"], abs=0.1)
    assert figure(printed, r"before, ([\d.]+) s after") == pytest.approx(after["wall_s"], abs=0.1)
    assert printed.count("warm: False") == 2 and charts == 3


def test_the_anatomy_of_a_check_agrees_with_the_truth(monkeypatch):
    truth = scenarios.truth_of("slow-wpad")
    printed, charts = run("02_anatomy_of_a_check", monkeypatch, log=None)
    waits = {wait["url"]: wait for wait in truth["waits"]}
    url = re.search(r"retrieval: +(\S+)", printed)
    assert url and url[1] in waits, printed
    assert figure(printed, r"(?m)^by hand: +([\d.]+) s$") == pytest.approx(waits[url[1]]["wait_s"], abs=2 * TICK_S)
    assert f"2 x {waits[url[1]]['limit_s']:.3f}" in printed
    assert f"{sum(wait['wait_s'] for wait in truth['waits']):.2f} s" in printed
    assert f"Inside their bounds: {len(waits)} of {len(waits)} waits." in printed
    assert charts >= 2


@pytest.mark.slow
def test_the_slow_spinup_agrees_with_the_truth(monkeypatch):
    truth = scenarios.truth_of("sharepoint-drop")
    printed, charts = run("03_slow_spinup", monkeypatch, log=None)
    slowest = max(truth["startups"], key=lambda start: start["waiting_s"])
    assert f"slowest: {slowest['process']} (PID {slowest['pid']}), {slowest['wall_s'] / 60:.1f} minutes" in printed
    assert f"waited {seconds(slowest['waiting_s'])} of its first" in printed
    for length in {round(wait["wait_s"]) for wait in truth["waits"]}:
        count = sum(round(wait["wait_s"]) == length for wait in truth["waits"])
        assert f"{count} stalls of {length} s" in printed
    assert "difference 0 ns" in printed
    assert f"Inside their bounds: {len(truth['waits'])} of {len(truth['waits'])} waits." in printed
    assert charts >= 5


@pytest.mark.slow
def test_the_root_causes_agree_with_the_truth(monkeypatch):
    truth = scenarios.truth_of("sharepoint-drop")
    printed, charts = run("04_root_causes", monkeypatch, log=None)
    assert "Causes missed: none. Found, but wrong: none." in printed
    waits = truth["waits"]
    assert f"{len(waits)} records are behind the first finding" in printed and f"the rule: {len(waits)} rows" in printed
    once = figure(printed, r"the waits behind them, each once: ([\d.]+) s")
    assert once == pytest.approx(sum(wait["wait_s"] for wait in waits), abs=len(waits) * TICK_S)
    before = {start["pid"]: start["wall_s"] for start in truth["startups"]}
    for after in truth["after"]:
        for start in after["startups"]:
            line = rf"{after['fix']}, PID {start['pid']}: would save</td><td[^>]*>([\d.]+) s"
            assert figure(printed, line) == pytest.approx(before[start["pid"]] - start["wall_s"], rel=0.02)
    for dataset, must in {"sharepoint-drop": "fire: [1-9]", "sharepoint-reject": "stay silent: 0"}.items():
        assert re.search(rf"{dataset}, must {must}", printed)
    assert printed.count("KnowledgeError: slow-twice.toml") == 4 and "Call is not part of the language" in printed
    assert charts == 2


@pytest.mark.slow
def test_the_halves_of_a_budget_agree_with_the_truth(monkeypatch):
    """What one opened server saves, and both: as the lab shows it."""
    truth = scenarios.truth_of("responder-and-lists-blocked")
    printed, _ = run("04_root_causes", monkeypatch, log=LAB / "consent-cache-only" / CAPI2)
    (before,) = truth["startups"]
    for after in truth["after"]:
        (then,) = after["startups"]
        opened = re.escape(after["only"][0]) if after["only"] else r"\S+ and \S+"
        saved = figure(printed, rf"([\d.]+) s saved by opening {opened}\n")
        assert saved == pytest.approx(before["wall_s"] - then["wall_s"], rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("healthy-warm", "No rule fired"),
        pytest.param("consent-cache-only", "findings: 1, of these no error at all: 1", marks=pytest.mark.slow),
    ],
)
def test_the_root_causes_say_what_is_absent(scenario, said, monkeypatch):
    printed, charts = run("04_root_causes", monkeypatch, log=LAB / scenario / CAPI2)
    assert said in printed and "No finding here names a remedy" in printed
    assert "No remedy here saves seconds" in printed and "Nobody waited for a list" in printed
    assert "No account waited" in printed and "Causes missed: none." in printed
    assert charts == 2


@pytest.mark.slow
def test_root_updates_judge_the_lists(monkeypatch):
    printed, charts = run("06_root_updates", monkeypatch, log=None)
    assert "event 4107 of" in printed and "event 4110 of" in printed
    assert "signer expired 2011-01-31" in printed and "authrootstl-2011-03.cab" in printed
    assert printed.count("Causes missed: none. Found, but wrong: none.") == 2 and charts == 3


OF_A_COMPUTER = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users|var)/|[A-Z]:\\\\Users\\\\(?!<)")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_its_outputs_and_nothing_of_the_computer_it_ran_on(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert "def " not in cell.source and "class " not in cell.source
        assert not any(output.output_type == "error" for output in cell.outputs)
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert all(len(output.metadata["image/png"]["alt"]) > 10 for output in pictures)
        assert pictures or not re.search(r"\bplot_\w+\(", cell.source), cell.source  # what is drawn is shown
    assert not OF_A_COMPUTER.search(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 700_000


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_that_is_run_again_says_the_same(path):
    for stored, now in zip(texts(nbformat.read(path, as_version=4)), texts(executed(path)), strict=True):
        assert now == stored


@pytest.mark.slow
def test_in_a_real_jupyterlab_all_notebooks_run_without_an_error(tmp_path, monkeypatch):
    for name in ("LOG", "AFTER", "ZONE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "datasets").symlink_to(HERE / "datasets")
    for path in NOTEBOOKS:
        empty = nbformat.read(path, as_version=4)
        for cell in empty.cells:
            cell.update({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})
            cell.source = cell.source.replace("COMPUTERS = 40", "COMPUTERS = 6")  # a small farm is a farm
        nbformat.write(empty, folder / path.name)
    with driver.jupyterlab(folder) as address, driver.browser() as page:
        for path in NOTEBOOKS:
            run = driver.run_all(page, address, folder / path.name)
            if driver.errors(run) == [
                "KeyboardInterrupt: "
            ]:  # JupyterLab stopped a slow kernel on a busy machine: once more
                run = driver.run_all(page, address, folder / path.name)
            assert driver.errors(run) == [], path.stem
            cells = [cell for cell in run.cells if cell.cell_type == "code"]
            assert all(cell.execution_count for cell in cells) and any(cell.outputs for cell in cells)


def test_a_notebook_of_a_case_is_ready_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    log = Path(shutil.copy(LAB / "fix-before" / CAPI2, tmp_path / "logs" / "WEB01.evtx"))
    main(["notebook", str(log), "--tz", "Europe/Berlin", "--no-open"])
    assert capsys.readouterr().out == "WEB01.ipynb\n"
    notebook = nbformat.read(tmp_path / "WEB01.ipynb", as_version=4)
    nbformat.validate(notebook)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert parameters.source.startswith("LOG = 'logs/WEB01.evtx'") and "TZ = 'Europe/Berlin'" in parameters.source
    again = executed(tmp_path / "WEB01.ipynb")
    assert "No answer from certificate servers" in "".join(texts(again)) and (tmp_path / "WEB01.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing.evtx"], 3, "nothing.evtx"),
        (["WEB01.evtx", "-o", "x.txt"], 2, "a notebook ends in .ipynb"),
        (["WEB01.evtx", "-o", "there.ipynb"], 2, "is there already"),
    ],
)
def test_a_notebook_of_a_case_is_refused_with_a_reason(arguments, code, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(LAB / "fix-before" / CAPI2, tmp_path / "WEB01.evtx")
    (tmp_path / "there.ipynb").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["notebook", *arguments, "--no-open"])
    assert stop.value.code == code and said in capsys.readouterr().err
    assert (tmp_path / "there.ipynb").read_text() == "mine"


def test_a_notebook_of_a_case_holds_names_of_files_as_text(tmp_path):
    evil = "a'\"\n)\nimport os #.evtx"
    made = json.loads(case_notebook([evil, "b.evtx"], title="x", report="x.html"))
    (parameters,) = [cell for cell in made["cells"] if cell["metadata"].get("tags")]
    known: dict = {}
    exec("".join(parameters["source"]), {}, known)
    assert known == {"LOG": [evil, "b.evtx"], "TZ": None}
