"""Gallery: every chart from one row, fifteen, five hundred, and of hostile names. No text leaves its figure or meets another.

The page of all pictures is written where CAPI2KIT_GALLERY says (a folder), else to a temporary one: for people to look at.
"""

import os
from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from scenarios import LAB, analysed
from test_charts import EVIL, analysis_of

from capi2kit import charts, load
from capi2kit.case import Case
from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.certainty import judge
from capi2kit.diagnosis.costs import weigh
from capi2kit.diagnosis.rules import diagnose

LONG = "very-long-name-of-a-revocation-server-number-{}.department.subsidiary.contoso-worldwide.example"
NAMES = [
    EVIL,
    "אבגד הוזח.example",
    "中文服务器名称示例.example",
    LONG.format(1),
    LONG.format(2),
    "$\\frac{1}{0}$",
    "a" * 300,
    "",
]


def made(count: int, *, hosts: int, names: list[str] | None = None) -> SimpleNamespace:
    """An analysis with so many waits for so many servers, in threads of their own where they overlap."""
    rng = np.random.default_rng(count)
    waits = [
        {
            "at": 9 * k,
            "s": float(rng.uniform(0.1, 8)),
            "tid": 10 + k % 3,
            "outcome": ("ok", "timeout", "unreachable")[k % 3],
            "quality": "bounded" if k % 4 == 1 else "exact",
            "url_host": names[k % len(names)] if names else f"crl{k % hosts}.test",
            "target": names[k % len(names)] if names else rf"C:\app\Part{k % 40}.dll",
            "host": f"WEB{k % 4}" if names is None else names[k % len(names)],
        }
        for k in range(count)
    ]
    tables = analysis_of(*waits)
    case = SimpleNamespace(events=tables.case.events, certificates=analysed("revoked").case.certificates.head(0))
    case.chain = analysed("revoked").case.chain.copy()
    if names:
        case.chain["subject"] = pd.array([names[k % len(names)] for k in range(len(case.chain))], "string")
    read = {"spans": tables.spans, "waits": tables.waits, "startups": tables.startups}
    found = weigh(diagnose(read, asked=()), **read)
    coverage = shaped(pd.DataFrame({"host": [], "verdict": []}), "coverage")
    return SimpleNamespace(
        **{**vars(tables), "case": case}, findings=judge(found, waits=tables.waits, coverage=coverage)
    )


DATA = {
    "one row": lambda: made(1, hosts=1),
    "15 rows": lambda: made(15, hosts=15),
    "500 rows": lambda: made(500, hosts=60),
    "hostile names": lambda: made(40, hosts=8, names=NAMES),
    "the flagship": lambda: analysed("sharepoint-drop"),
    "a farm": lambda: analysed("farm-proxy-drift"),
    "a revoked certificate": lambda: analysed("revoked"),
}
PLOTS = [name for name in charts.__all__ if name.startswith("plot_")]


def compared(tables: SimpleNamespace) -> pd.DataFrame:
    """A comparison of the start-ups of these tables with the same ones, as they took twice as long."""
    kinds = ["start-up", "part", "part", "part"]
    names = [None, "waiting", "checking", "unexplained"]
    columns = ["wall_s", "waiting_wall_s", "checking_s", "unexplained_s"]
    rows = [
        {
            **{"group": group, "kind": kind, "process": row["process"], "app_pool": row["app_pool"], "name": name},
            **{"before_startups": 1, "after_startups": 2, "before_s": 2 * row[column], "after_s": row[column]},
            **{"before_low_s": row[column], "before_high_s": 3 * row[column], "change": "faster"},
            **{"after_low_s": row[column], "after_high_s": row[column]},
        }
        for group, row in enumerate(tables.startups.to_dict("records"))
        for kind, name, column in zip(kinds, names, columns, strict=True)
    ]
    return shaped(pd.DataFrame(rows), "comparison") if rows else empty("comparison")


def drawn(plot: str, tables: SimpleNamespace, **more: object) -> Axes:
    if plot == "plot_task":
        more |= {"task_id": tables.spans["task_id"].dropna().iloc[0]}
    others = {"plot_comparison": compared, "plot_lengths": several, "plot_lists": lambda _: lists()}
    return getattr(charts, plot)(others.get(plot, lambda same: same)(tables), **more)


def several(tables: SimpleNamespace) -> dict[str, SimpleNamespace]:
    """Tables by name, for a chart of several logs: the hostile names among them."""
    hosts = tables.waits["url_host"].dropna().unique()[:6]
    return dict.fromkeys(map(str, hosts), tables) or {"log": tables}


@cache
def lists() -> Case:
    """The lists of roots of the project, whatever the other tables are."""
    pytest.importorskip("asn1crypto", reason="lists need the extra pki")
    return load(LAB.parent / "lists")


def boxes(figure: Figure) -> Iterator[tuple[str, object]]:
    """The texts of a figure that are drawn, with their places: an axis also holds labels of ticks beyond its ends."""
    with mock.patch.object(Text, "draw", autospec=True, side_effect=Text.draw) as draw:
        figure.draw_without_rendering()
    for text in dict.fromkeys(call.args[0] for call in draw.call_args_list):
        if text.get_text().strip() and text.get_visible():
            yield text.get_text(), text.get_window_extent()


def overlap(one: object, other: object) -> float:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(wide, high)


QUICK = ("15 rows", "hostile names")


@pytest.fixture(
    scope="module",
    params=[name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in DATA],
    ids=lambda name: name.replace(" ", "-"),
)
def tables(request):
    return DATA[request.param]()


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("plot", PLOTS)
def test_no_text_leaves_its_figure_or_lies_on_another(tables, plot):
    figure = drawn(plot, tables).figure
    found = list(boxes(figure))
    frame = figure.bbox
    out = [text for text, box in found if box.x0 < -2 or box.y0 < -2 or box.x1 > frame.x1 + 2 or box.y1 > frame.y1 + 2]
    assert not out
    straight = [(text, box) for text, box in found if text]
    met = [
        (one, other)
        for (one, a), (other, b) in combinations(straight, 2)
        if overlap(a, b) > 3 and plot != "plot_outcomes"  # names of its servers are turned, and their boxes are not
    ]
    assert not met[:3]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("plot", PLOTS)
def test_two_charts_share_a_figure(plot):
    tables = made(15, hosts=6)
    figure = Figure(figsize=(14, 10))
    above, below = figure.subplots(2, 1)
    for ax in (above, below):
        assert drawn(plot, tables, ax=ax) is ax
    half = figure.bbox.height / 2
    figure.draw_without_rendering()
    for ax, low, high in ((above, half - 2, figure.bbox.height), (below, 0, half + 2)):
        for text in ax.findobj(Text):
            if text.get_text().strip() and text.get_visible():
                box = text.get_window_extent()
                assert low <= box.y0 and box.y1 <= high, text.get_text()


@pytest.mark.parametrize("plot", PLOTS)
def test_a_chart_is_laid_out_once(plot, monkeypatch, tmp_path):
    tables, counts = made(15, hosts=6), []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, *how: counts.append(1) or draw(self, *how))
    ax = drawn(plot, tables)
    assert not counts, "its place is calculated, not tried out"
    charts.svg_text(ax, salt="c1")
    assert len(counts) == 1


def test_names_that_are_cut_stay_different():
    names = [LONG.format(number) for number in range(12)]
    tables = made(24, hosts=12, names=names)
    shown = [label.get_text() for label in charts.plot_hosts(tables).get_yticklabels()]
    assert len(set(shown)) == 12 and all(str(number) in "".join(shown) for number in range(12))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_gallery_page(tmp_path):
    folder = Path(os.environ.get("CAPI2KIT_GALLERY") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, (name, make) in enumerate(DATA.items()):
        tables = make()
        for plot in PLOTS:
            picture = charts.svg_text(drawn(plot, tables), salt=f"g{number}-{plot.replace('_', '-')}")
            parts.append(f"<h2>{escape(name)}: {plot}</h2>{picture}")
    page = folder / "gallery.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>Charts</title>{''.join(parts)}", encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("<svg ") == len(DATA) * len(PLOTS)
