"""Pages that are rendered from data: rules, remedies, tables, verbs, the Python names, the glossary, the cases, the charts."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import capi2kit as c2
from capi2kit.cli import OTHERS, VERBS, parser
from capi2kit.knowledge import DATA, rows
from capi2kit.lab.cases import cases
from capi2kit.lab.reading import read_scenario
from capi2kit.lab.scenario import windows

ROOT = Path(__file__).parent.parent
_KINDS = {"cure": "Cures", "workaround": "Workarounds", "never": "Never"}
_SEVERITIES = ("high", "medium", "low", "benign")
_WAYS = {"cmd": "in cmd", "ps": "in PowerShell", "do": "do"}
_NAMES = (
    ("Read", ("load", "record_xml", "redact")),
    (
        "Analyse",
        (
            "analyse",
            "headline",
            "build_spans",
            "recover_waits",
            "correct_spans",
            "attribute_delays",
            "find_startups",
            "draw_ledger",
        ),
    ),
    (
        "Ask",
        (
            "whatif",
            "prefetch",
            "accounts",
            "error_records",
            "records_behind",
            "compare",
            "side_by_side",
            "list_verdicts",
            "rules",
        ),
    ),
    ("Show", ("card", "view", "show", "explore", "explain", "remedy", "describe", "save", "truth")),
    ("Draw", tuple(name for name in c2.__all__ if name.startswith("plot_"))),
    ("Learn", ("quiz",)),
)
_CLASSES = ("Analysis", "Case", "Card")
_ERRORS = tuple(
    name for name in c2.__all__ if isinstance(getattr(c2, name), type) and issubclass(getattr(c2, name), Exception)
)


def make(folder: Path) -> None:
    """Write all pages into a folder. What is there and would be the same stays as it is, so that a second build is quick."""
    pages: dict[str, Callable[[], Iterable[str]]] = {
        "rules.md": _rules,
        "remedies.md": _remedies,
        "tables.md": _tables,
        "verbs.md": _verbs,
        "names.md": _names,
        "glossary.md": _glossary,
        "cases.md": _cases,
        "gallery.md": lambda: _gallery(folder),
    }
    folder.mkdir(exist_ok=True)
    (folder / "notebooks").mkdir(exist_ok=True)
    _pictures(folder)
    for name, page in pages.items():
        _write(folder / name, "\n".join(page()) + "\n")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        _write(folder / "notebooks" / path.name, path.read_text(encoding="utf-8"))


def copy(folder: Path, path: str) -> None:
    """A picture of the project, put beside those that are drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, folder / Path(path).name)


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return re.sub(r"([\\*_{}\[\]<>|#$~])", r"\\\1", text)


def _toml(folder: str) -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((DATA / folder).glob("*.toml"))]


def _rules() -> Iterator[str]:
    known = _toml("rules")
    titles = {fix["id"]: fix["title"] for fix in _toml("fixes")}
    yield from (
        "# Rules",
        "",
        f"All {len(known)} rules, as the files in `capi2kit/data/rules` have them. Each says what was seen, what is",
    )
    yield "inferred from it, which remedies it names, and on which incidents of the lab it is proven. *Seen* has placeholders: the"
    yield from ("names and figures of your log go there.", "")
    for severity in _SEVERITIES:
        mine = [rule for rule in known if rule["severity"] == severity]
        yield from (f"## {'No error' if severity == 'benign' else severity.capitalize()} ({len(mine)})", "")
        for rule in mine:
            yield from _rule(rule, titles)


def _rule(rule: dict[str, Any], titles: dict[str, str]) -> Iterator[str]:
    say, proof = rule["say"], rule["proof"]
    yield from (f"(rule-{rule['id']})=", f"### {_plain(rule['title'])}", "", f"`{rule['id']}`", "")
    yield f"- **Seen:** {_plain(say['finding'])}"
    if say.get("inferred"):
        yield f"- **Inferred:** {_plain(say['inferred'])}"
    yield f"- **Fires where** a row of `{rule['match']['table']}` has `{rule['match']['where']}`"
    if say["fixes"]:
        yield f"- **Remedies:** {', '.join(f'[{_plain(titles[fix])}](remedies.md#remedy-{fix})' for fix in say['fixes'])}"
    proven = [*proof["fires_on"], *proof.get("cases", ())]
    yield f"- **Proven on:** {', '.join(f'`{name}`' for name in proven) or '–'}"
    yield from (f"- **Sources:** {', '.join(f'`{one.strip()}`' for one in say['source'].split(';'))}", "")


def _remedies() -> Iterator[str]:
    known = _toml("fixes")
    yield from (
        "# Remedies",
        "",
        f"All {len(known)} remedies, as the files in `capi2kit/data/fixes` have them; `capi2kit remedy ID LOG` fills in the names of a",
    )
    yield from (
        "log. A *cure* removes the cause, a *workaround* its effect; *never* stands here so that nobody thinks of it anew.",
        "",
    )
    for kind, title in _KINDS.items():
        yield from (f"## {title}", "")
        for fix in (one for one in known if one["kind"] == kind):
            yield from (f"(remedy-{fix['id']})=", f"### {_plain(fix['title'])}", "", f"`{fix['id']}`", "")
            for word, key in (
                ("For", "account"),
                ("Effect", "effect"),
                ("Risk", "risk"),
                ("Does not", "does_not"),
                ("Versions", "versions"),
            ):
                yield f"- **{word}:** {_plain(fix[key])}"
            for word, key in (("What to do", "commands"), ("Check", "check"), ("Undo", "undo")):
                yield f"- **{word}:**"
                yield from (f"  - {_step(step)}" for step in fix[key])
            yield ""


def _step(step: str) -> str:
    way, _, text = step.partition(": ")
    return _plain(text) if way == "do" else f"{_WAYS.get(way, way)}: `{text}`"


def _tables() -> Iterator[str]:
    yield from (
        "# Tables",
        "",
        'Every table that capi2kit gives, and its columns: `capi2kit/data/columns.csv`. In Python: `c2.describe("waits")`.',
        "",
    )
    for table, columns in groupby(rows("columns"), key=lambda row: row["table"]):
        yield from (f"## {table}", "", "| column | dtype | unit | meaning | comes from |", "|---|---|---|---|---|")
        for row in columns:
            cells = (f"`{row['column']}`", row["dtype"], row["unit"], _plain(row["meaning"]), _plain(row["origin"]))
            yield f"| {' | '.join(cells)} |"
        yield ""


def _verbs() -> Iterator[str]:
    os.environ["COLUMNS"] = "88"
    top = parser()
    (verbs,) = (action for action in top._actions if hasattr(action, "choices") and isinstance(action.choices, dict))
    yield from ("# Command line", "", "All verbs, as `capi2kit VERB --help` prints them.", "")
    for name in VERBS | OTHERS:
        yield from (f"## {name}", "", "```text", verbs.choices[name].format_help().rstrip(), "```", "")
        inner = [
            action for action in verbs.choices[name]._actions if isinstance(getattr(action, "choices", None), dict)
        ]
        for verb, sub in (inner[0].choices if inner else {}).items():
            yield from (f"### {name} {verb}", "", "```text", sub.format_help().rstrip(), "```", "")


def _names() -> Iterator[str]:
    yield from (
        "# Python names",
        "",
        "What `import capi2kit as c2` gives. Everything is imported when it is first used.",
        "",
    )
    for title, names in _NAMES:
        yield from (f"## {title}", "")
        for name in names:
            yield from ("```{eval-rst}", f".. autofunction:: capi2kit.{name}", "```", "")
    yield from ("## Classes", "")
    for name in _CLASSES:
        yield from ("```{eval-rst}", f".. autoclass:: capi2kit.{name}", "```", "")
    yield from (
        "## Errors",
        "",
        "All of them are a {py:class}`capi2kit.Capi2kitError`; the message says what, where, and what to do next.",
        "",
    )
    for name in _ERRORS:
        yield from ("```{eval-rst}", f".. autoexception:: capi2kit.{name}", "```", "")


def _glossary() -> Iterator[str]:
    yield from ("# Glossary", "", "| term | meaning |", "|---|---|")
    yield from (f"| {_plain(row['term'])} | {_plain(row['meaning'])} |" for row in rows("glossary"))


def _cases() -> Iterator[str]:
    yield from (
        "# All cases",
        "",
        "For teachers: this page says what is behind each name. `capi2kit quiz` lists the same cases for students.",
        "",
    )
    for topic in sorted({case.topic for case in cases()}):
        yield from (
            f"## {topic}",
            "",
            "| case | level | minutes | Windows | complaint | what it is | scenario |",
            "|---|---|---|---|---|---|---|",
        )
        mine = [case for case in cases() if case.topic == topic]
        for case in sorted(mine, key=lambda one: (("Easy", "Medium", "Hard").index(one.level), one.minutes, one.name)):
            scenario = read_scenario(case.scenario)
            versions = ", ".join(
                dict.fromkeys(windows()[host.windows].title.removeprefix("Windows Server ") for host in scenario.host)
            )
            cells = (
                case.name,
                case.level,
                str(case.minutes),
                versions,
                _plain(case.complaint),
                _plain(scenario.title),
                f"`{case.scenario}`",
            )
            yield f"| {' | '.join(cells)} |"
        yield ""


_CHARTS: dict[str, tuple[str, str]] = {
    "plot_startup": ("sharepoint-drop", "One start-up: a lane per thread, every wait at its true place."),
    "plot_timeline": ("sharepoint-drop", "All evidence of one incident on one time axis."),
    "plot_savings": ("sharepoint-drop", "The start-up minus each cause, and with each remedy."),
    "plot_hosts": ("sharepoint-drop", "Seconds per server; the colour says how the waits ended."),
    "plot_targets": ("sharepoint-drop", "Seconds per file that was checked."),
    "plot_signers": ("sharepoint-drop", "Seconds per signer and address."),
    "plot_outcomes": ("network-service-denied", "Who could reach which server: computers or accounts by servers."),
    "plot_task": ("slow-wpad", "The waterfall of one task."),
    "plot_chain": ("expired-certificate", "One certificate chain, with the certificate that failed."),
    "plot_freshness": ("healthy-cold", "From when to when each CRL and OCSP response is valid, and when it was used."),
}


def _analysis(name: str) -> Any:
    return c2.analyse(c2.load(ROOT / "datasets" / "lab" / name))


def _pictures(folder: Path) -> None:
    """All charts, and the two pictures of one task. They are drawn once; `make clean` removes them."""
    pictures = folder / "pictures"
    done = pictures / "done.txt"
    if done.exists():
        return
    pictures.mkdir(exist_ok=True)
    found = {
        name: _analysis(name)
        for name in sorted({dataset for dataset, _ in _CHARTS.values()} | {"fix-before", "fix-after"})
    }
    for chart, (dataset, _) in _CHARTS.items():
        c2.charts.save_chart(getattr(c2, chart)(found[dataset]), pictures / f"{chart}.png")
    c2.charts.save_chart(
        c2.plot_comparison(c2.compare(found["fix-before"], found["fix-after"])), pictures / "plot_comparison.png"
    )
    several = {name: found[name] for name in ("fix-before", "network-service-denied", "slow-wpad", "healthy-cold")}
    c2.charts.save_chart(c2.plot_lengths(several), pictures / "plot_lengths.png")
    c2.charts.save_chart(c2.plot_lists(c2.load(ROOT / "datasets" / "lists")), pictures / "plot_lists.png")
    a = found["slow-wpad"]
    task = a.waits.groupby("task_id")["wait_s"].sum().idxmax()
    c2.charts.save_chart(c2.plot_task(c2.build_spans(a.case.events), task), pictures / "as_logged.png")
    c2.charts.save_chart(c2.plot_task(a, task), pictures / "as_it_was.png")
    shutil.copy(ROOT / "notebooks" / "pictures" / "first_page.png", pictures / "first_page.png")
    done.write_text("drawn\n")


def _gallery(folder: Path) -> Iterator[str]:
    yield from (
        "# Gallery",
        "",
        "Every chart, on an incident of the lab. Each takes the analysis (or the table it needs), and `ax=` to draw inside",
    )
    yield from ('axes of your own figure; `c2.charts.save_chart(ax, "x.png")` writes one (also .svg, .pdf).', "")
    several = {
        "plot_comparison": ("c2.plot_comparison(c2.compare(before, after))", "Start-ups before and after a change."),
        "plot_lengths": ("c2.plot_lengths({name: a, ...})", "How long each retrieval took, in several logs."),
        "plot_lists": ("c2.plot_lists(c2.load(lists))", "When the lists of roots of a case are good."),
    }
    for chart in sorted(_CHARTS | several):
        call, text = several.get(chart, (f"c2.{chart}(a)", _CHARTS.get(chart, ("", ""))[1]))
        yield from (f"## {chart}", "", text, "", "```python", call, "```", "", f"![{text}](pictures/{chart}.png)", "")
