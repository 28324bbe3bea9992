"""A real JupyterLab, driven by a browser without a window: open a notebook, run all of it, wait for what it shows.

Skips a test, with what to install, where one of the two is absent.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest

_SERVER = (
    *("-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
    *("--IdentityProvider.token=x", "--LabApp.expose_app_in_browser=True"),
)
_BROWSER = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
_CONTROL = "\ue009"  # the key, in the WebDriver protocol
_AGAIN_S = 20
_BEGUN = "return [...document.querySelectorAll('.jp-InputPrompt')].some(one => /[\\d*]/.test(one.textContent))"
PATIENCE_S = 240  # two cores that also run other tests


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """A JupyterLab that serves a folder; the address of its pages, with %s where the name of a notebook goes."""
    if not find_spec("jupyterlab"):
        pytest.skip("no JupyterLab: pip install jupyterlab")
    log = folder / "jupyterlab.log"
    with log.open("w") as file:
        command = [sys.executable, *_SERVER, f"--ServerApp.root_dir={folder}"]
        server = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder)
        try:
            port = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text()))[1]
            yield f"http://127.0.0.1:{port}/doc/tree/%s?token=x"
        finally:
            server.terminate()
            server.wait(60)


@contextmanager
def browser(*, width: int = 1300, height: int = 1700) -> Iterator[Any]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install selenium")
    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium to drive: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for one in (*_BROWSER, f"--window-size={width},{height}"):
        options.add_argument(one)
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    page.set_page_load_timeout(PATIENCE_S)
    try:
        yield page
    finally:
        page.quit()


def until(found: Callable[[], Any], *, page: Any = None) -> Any:
    """What `found` returns as soon as that is something. The failure says what the page showed meanwhile.

    If JupyterLab asks for a kernel, as it may while they start slowly, it gets the one that it proposes.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if page:
            page.execute_script("document.querySelector('.jp-Dialog .jp-mod-accept')?.click()")
        if result := found():
            return result
        time.sleep(0.3)
    shown = page.execute_script("return document.body.innerText") if page else ""
    raise AssertionError(f"it did not appear in {PATIENCE_S} s; the page: {shown[:3000]}")


def run_all(page: Any, address: str, path: Path) -> nbformat.NotebookNode:
    """Open a notebook, run all its cells as soon as its kernel is ready, and save it: what it holds then."""
    page.get(address % path.name)
    find = page.find_elements
    until(lambda: find("css selector", ".jp-Notebook .jp-CodeCell") and find("css selector", _IDLE), page=page)
    until(lambda: page.execute_script("return Boolean(window.jupyterapp)"), page=page)
    asked = [0.0]
    return until(lambda: _asked(page, asked) or _run(page, path), page=page)


def _asked(page: Any, asked: list[float]) -> None:
    """Ask for all cells, and again where nothing has begun after a while: the first time may come before the notebook is ready."""
    if time.monotonic() - asked[0] > _AGAIN_S and not page.execute_script(_BEGUN):
        page.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        asked[0] = time.monotonic()


def _run(page: Any, path: Path) -> nbformat.NotebookNode | None:
    """The notebook as it is on the disk after Ctrl+S, once each of its cells has run or one has failed."""
    page.find_element("css selector", "body").send_keys(_CONTROL, "s")
    time.sleep(1)
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return notebook if all(cell.execution_count for cell in cells) or errors(notebook) else None


def errors(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells of a notebook wrote as an error, or to the stream of errors."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    failed = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
    return failed + [output.text for output in outputs if output.get("name") == "stderr"]


def clicked(items: list[Any]) -> bool:
    """Whether there was something to click. It is clicked."""
    for item in items[:1]:
        item.click()
    return bool(items)
