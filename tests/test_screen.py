"""The first screen of a terminal: at most 24 lines at 80 columns, no line wider than the terminal, whatever the log holds."""

import io
import re
import sys
from contextlib import suppress
from importlib import import_module

import outlines
import pytest
from rich.cells import cell_len
from scenarios import LAB, analysed

from capi2kit.cli import main
from capi2kit.render.screen import MOST, write_screen
from capi2kit.render.sections import tell
from capi2kit.render.text import write

SCENARIOS = sorted(path.parent.name for path in LAB.glob("*/truth.json"))
SOME = [
    "sharepoint-drop",
    "farm-proxy-drift",
    "revoked",
    "healthy-warm",
    "key-access",
    "wrapped-log",
    "no-dns",
    "unsigned-files",
]
WIDTHS = (72, 80, 100, 120, 200)
VERBS = [
    ["summary"], ["summary", "--full"], ["info"], ["events"], ["spans"], ["waits"], ["waits", "--top", "3"], ["whatif"], ["remedy"],
    ["prefetch"], ["accounts"], ["coverage"], ["show", "1"],
]  # fmt: skip


class Terminal(io.TextIOWrapper):
    """Standard output as a terminal of some encoding."""

    def __init__(self, encoding: str, *, tty: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def screen(scenario: str, width: int, encoding: str = "utf-8") -> list[str]:
    file = Terminal(encoding, tty=False)
    file.reconfigure(errors="capi2kit.plain")
    write_screen(analysed(scenario), file=file, width=width, color=False)
    return file.text().splitlines()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_screen_is_one_screen(scenario):
    lines = screen(scenario, 80)
    assert len(lines) <= MOST and all(cell_len(line) <= 80 for line in lines)
    assert lines[-1] != "" and any("capi2kit summary --full" in line for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp1252", "ascii"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_any_terminal(width, encoding):
    for scenario in SOME:
        lines = screen(scenario, width, encoding)
        assert all(cell_len(line) <= width for line in lines)
    bar = screen("sharepoint-drop", width, encoding)
    assert sum(set(line) & set("█#") != set() and len(line) == min(width, 100) for line in bar) == 1


def test_it_says_what_costs_what_and_what_to_do():
    page = " ".join(" ".join(screen("sharepoint-drop", 80)).split())
    for said in (
        "No answer from certificate servers. w3wp.exe (PID 4120 on SP01.contoso.example) waited 8 min 15 s",
        "waiting 8 min 15 s",
        "HIGH No answer",
        "8 min 15 s of 8 min 23 s",
        "the same seconds",
        "→ Let the servers reach the revocation and update hosts on port 80",
        "How sure: very sure",
        "capi2kit remedy allow-pki-hosts LOG",
        "capi2kit report LOG",
    ):
        assert said in page


def test_a_healthy_log_has_a_verdict_and_no_list():
    lines = screen("healthy-warm", 80)
    assert lines[0].startswith("Healthy: ") and not any("HIGH" in line for line in lines)


@pytest.mark.parametrize("color", [True, False])
def test_colour_is_for_terminals_and_can_be_switched_off(color):
    file = Terminal("utf-8", tty=True)
    write_screen(analysed("sharepoint-drop"), file=file, width=80, color=color)
    assert ("\x1b[" in file.text()) == color or not color  # rich needs TERM to send colours
    assert color or "\x1b[3" not in file.text()


def wide_lines(arguments: list[str], width: int, monkeypatch) -> list[str]:
    """Lines of a verb that are wider than the terminal; a word of a command may be."""
    file = Terminal("utf-8", tty=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "stdout", file)
    with suppress(SystemExit):
        main(arguments)
    lines = file.text().splitlines()
    assert lines or arguments[0] in ("show", "remedy"), arguments
    wide = [line for line in lines if cell_len(line) > width]
    words = {line: re.sub(r'"[^"]*"', "quoted", line).split() for line in wide}  # what is quoted is one word
    return [line for line in wide if len(words[line]) > 1 and not line.endswith((" `", " ^"))]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("scenario", [*SOME, *(pytest.param(name, marks=pytest.mark.slow) for name in SCENARIOS)])
def test_no_verb_writes_a_line_wider_than_the_terminal(scenario, verb, monkeypatch):
    module = import_module(f"capi2kit.cli.{verb[0]}")
    monkeypatch.setattr(module, "open_analysis", lambda common: analysed(scenario))
    heavy = len(analysed(scenario).case.events) > 1000
    for width in WIDTHS[:: 4 if heavy else 1]:
        assert not wide_lines([*verb, str(LAB / scenario), "-q"], width, monkeypatch)[:3]


STRANGE = r"""
VerifyTrust                       0.0  15.2  process=中文进程名称.exe  pid=7  target=C:\אבגד\הוזחטיכל_מנסעפצקרשת_מאוד_ארוך.dll
  BuildChain                      0.0  15.1  budget=20
    VerifyRevocation              0.0  15.0
      RetrieveObjectFromNetwork   0.0  10.0  url=http://证书吊销列表服务器.example/列表.crl  result=800705B4
      RetrieveObjectFromNetwork  10.0  15.0  url=http://رابط.example/قائمة.crl  result=800705B4
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp1252"])
@pytest.mark.parametrize("width", [72, 120])
def test_names_of_any_script_fit(width, encoding):
    file = Terminal(encoding, tty=False)
    file.reconfigure(errors="capi2kit.plain")
    analysis = outlines.analysed(STRANGE)
    write_screen(analysis, file=file, width=width, color=False)
    write(tell(analysis), file=file, width=width, color=False)
    lines = file.text().splitlines()
    assert len(lines) > 40 and all(cell_len(line) <= width for line in lines)
    assert ("中文进程名称" in file.text()) == (encoding == "utf-8") and ("\\u4e2d" in file.text()) == (
        encoding != "utf-8"
    )
