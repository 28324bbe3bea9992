"""Charts: they draw on the axes handed in, leave the tables alone, and trust no text of a log."""

import json
import re
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from lxml import etree
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scenarios import LAB, analysed

from capi2kit import charts, load
from capi2kit.charts import palette
from capi2kit.charts.lanes import find_lanes
from capi2kit.columns.cells import empty, shaped
from capi2kit.errors import TableError
from capi2kit.startups import attribute_delays, draw_ledger, find_startups, mark_startups

START = pd.Timestamp("2026-03-02 06:00:12.345", tz="UTC")
NESTED = ("VerifyTrust", "BuildChain", "VerifyRevocation", "RetrieveObjectFromNetwork")
SLOW = r"C:\inetpub\wwwroot\bin\Contoso.Slow.dll"
EVIL = "C:\\$a$\\<script>alert(1)<b onload=x>$\\frac{1}{0}$\r\n\x1b[31m\u202egnp.exe"


def span_rows(number: int, wait: dict) -> list[dict]:
    """One check: four nested operations around one retrieval, 0.1 s before and 0.1 s after it."""
    begin = START + pd.Timedelta(seconds=wait["at"])
    end = begin + pd.Timedelta(seconds=wait["s"] + 0.2)
    known = {"host": "WEB01", "process": "w3wp.exe", "pid": 4000, "tid": 10, "target": SLOW, "outcome": "ok"} | wait
    row = known | {"state": "closed", "target_kind": "file", "task_id": f"TASK-{number}", "starts": "late"}
    inner = {"start": begin + pd.Timedelta(seconds=0.1), "stop": end - pd.Timedelta(seconds=0.1)}
    rows = []
    for depth, operation in enumerate(NESTED):
        span = 4 * number + depth
        edges = {"start": begin, "stop": end} if depth == 0 else inner
        length = (edges["stop"] - edges["start"]).total_seconds()
        place = {"span": span, "parent": span - 1 if depth else None, "root": 4 * number, "depth": depth}
        measured = {"duration_s": length, "wait_s": wait["s"], "quality": row.get("quality", "exact")}
        url = f"http://{row['url_host']}/a.crl" if depth == 3 and row.get("url_host") else None
        rows.append(row | edges | place | measured | {"operation": operation, "url": url, "stop_event": 10 * span})
    return rows


def analysis_of(*waits: dict) -> SimpleNamespace:
    """Tables as `analyse` makes them, from waits given by start `at`, seconds `s`, and what differs."""
    rows = [row for number, wait in enumerate(waits) for row in span_rows(number, {"url_host": "crl.test"} | wait)]
    spans = shaped(pd.DataFrame(rows), "spans") if rows else empty("spans")
    wires = spans[spans["depth"] == 3].assign(event=lambda table: table["stop_event"].astype("int64"))
    wires["url_host"] = [wait.get("url_host", "crl.test") for wait in waits]
    unknown = (wires["quality"] == "unknown").to_numpy(bool)
    wires["low_s"] = (wires["wait_s"] - 0.016).mask(unknown | (wires["quality"] == "bounded").to_numpy(bool), 0.0)
    wires["high_s"] = wires["wait_s"].mask((wires["quality"] == "exact").to_numpy(bool), wires["wait_s"] + 0.016)
    wires["wait_s"] = wires["wait_s"].mask(unknown)
    waits_table = shaped(wires, "waits")
    startups = find_startups(spans, waits_table)
    around = [{"provider": "IIS W3C log", "operation": "HttpRequest", "phase": "whole", "duration_s": 4.0, "at": 3}]
    around += [{"provider": "EventLog", "operation": "LogStarted", "phase": "point", "at": -2}]
    around += [
        {
            "provider": "Security",
            "operation": "ProcessCreated",
            "new_process": EVIL,
            "new_pid": 7,
            "phase": "point",
            "at": 1,
        }
    ]
    beside = pd.DataFrame(around if waits else []).assign(host="WEB01", event=0)
    beside["time"] = [START + pd.Timedelta(seconds=row["at"]) for row in around] if waits else []
    return SimpleNamespace(
        case=SimpleNamespace(events=shaped(beside, "events").set_index(["task_id", "process"])),
        spans=mark_startups(spans, startups),
        waits=waits_table,
        delays=attribute_delays(spans),
        startups=startups,
        ledger=draw_ledger(startups, spans, waits=waits_table),
    )


@pytest.fixture(scope="module")
def analysis():
    return analysis_of(
        {"at": 0, "s": 5.0},
        {"at": 6, "s": 15.0, "outcome": "timeout", "quality": "bounded", "url_host": "ocsp.test"},
        {"at": 2, "s": 3.0, "tid": 20, "target": EVIL, "url_host": "$x$.test"},
        {"at": 8, "s": 9.0, "tid": 20, "quality": "unknown"},
    )


@pytest.fixture(scope="module")
def crowd():
    """50 threads, each with eight waits in ten minutes."""
    rng = np.random.default_rng(7)
    return analysis_of(
        *(
            {"at": 60 * k + rng.uniform(0, 40), "s": rng.uniform(0.1, 15), "tid": 100 + t}
            for t in range(50)
            for k in range(8)
        )
    )


DRAW = {
    "startup": charts.plot_startup,
    "task": lambda tables, **more: charts.plot_task(tables.spans, task_id="TASK-0", waits=tables.waits, **more),
    "hosts": lambda tables, **more: charts.plot_hosts(tables.waits, **more),
    "lengths": lambda tables, **more: charts.plot_lengths({"$one$": tables}, **more),
    "timeline": charts.plot_timeline,
    "targets": lambda tables, **more: charts.plot_targets(tables.delays, **more),
}
every_chart = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW.keys())


def texts_of(ax: Axes) -> list[str]:
    return [found.get_text() for found in ax.figure.findobj(Text) if found.get_text()]


def elements_of(svg: str) -> etree._Element:
    return etree.fromstring(svg)


def test_charts_import_no_matplotlib_before_one_is_drawn():
    code = "import sys; import capi2kit.charts; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert set(charts.__all__) <= set(dir(charts))
    with pytest.raises(AttributeError):
        charts.plot_nothing  # noqa: B018


@every_chart
def test_a_chart_returns_the_axes_it_was_given(analysis, draw):
    figure = Figure(figsize=(6.4, 4.8))
    _, ax = figure.subplots(1, 2)
    assert draw(analysis, ax=ax) is ax
    assert figure.get_size_inches().tolist() == [6.4, 4.8]
    assert len(figure.axes) == 2


@every_chart
def test_a_chart_opens_no_pyplot_figure(analysis, draw):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    draw(analysis)
    assert pyplot.get_fignums() == before


@every_chart
def test_a_chart_leaves_the_tables_alone(analysis, draw):
    tables = {name: table for name, table in vars(analysis).items() if name != "case"} | vars(analysis.case)
    before = {name: table.copy(deep=True) for name, table in tables.items()}
    draw(analysis)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, before[name])


@every_chart
def test_an_empty_table_gives_a_readable_note(draw):
    assert any(text.startswith("Nothing to show") for text in texts_of(draw(analysis_of())))


def test_lengths_are_a_lane_per_log_and_need_names(analysis):
    ax = charts.plot_lengths({"one": analysis, "$two$": analysis, "none": analysis_of()})
    count = len(analysis.waits)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == [f"one, {count} retrievals", f"$two$, {count} retrievals", "none, 0 retrievals"]
    assert "no retrieval in the log" in texts_of(ax)
    with pytest.raises(TableError, match="by name"):
        charts.plot_lengths(analysis)


def test_a_list_is_good_where_all_hold():
    pytest.importorskip("asn1crypto", reason="lists need the extra pki")
    ax = charts.plot_lists(load(LAB.parent / "lists"))
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert len(lanes) == 8 and lanes[0] == "authrootstl-2011-01.cab: in effect" and lanes.count("all of them") == 2
    good = [bar.get_width() for bar, lane in zip(ax.patches, lanes, strict=True) if lane == "all of them"]
    assert good == pytest.approx([6.13, 92], abs=0.01)  # days
    with pytest.raises(TableError):
        charts.plot_lists("lists")


def test_the_timeline_has_a_lane_for_each_start_up_and_each_kind_of_evidence(analysis):
    ax = charts.plot_timeline(analysis)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["w3wp.exe 4000", "Other events", "Requests", "Services and restarts"]
    texts = texts_of(ax)
    assert "Event log service started" in texts
    assert any(
        text.startswith("w3wp.exe 4000 on WEB01: ") and "from its first check to its last check" in text
        for text in map(flat, texts)
    )
    assert {"1 entry"} <= set(texts)


def test_the_timeline_keeps_its_lanes_beside_a_computer_of_that_name_in_another_domain():
    tables = analysis_of({"at": 0, "s": 5.0})
    tables.startups = tables.startups.assign(host="WEB01.contoso.example").astype({"host": "string"})
    events = tables.case.events.assign(host="WEB01.contoso.example").astype({"host": "string"})
    stranger = (
        events[events["operation"] == "LogStarted"].assign(host="WEB01.fabrikam.example").astype({"host": "string"})
    )
    alone = charts.plot_timeline(tables)
    tables.case = SimpleNamespace(events=pd.concat([events, stranger]))
    beside = charts.plot_timeline(tables)
    lanes = [[label.get_text() for label in ax.get_yticklabels()] for ax in (alone, beside)]
    assert lanes[0] == lanes[1] and {"Requests", "Services and restarts"} <= set(lanes[1])


def test_the_timeline_refuses_a_start_up_that_is_not_there(analysis):
    with pytest.raises(ValueError, match="there is no start-up 9"):
        charts.plot_timeline(analysis, startup=9)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_table_that_is_none_of_ours_is_refused(analysis):
    with pytest.raises(TableError, match="url_host"):
        charts.plot_hosts(analysis.waits.drop(columns="url_host"))


def test_what_does_not_exist_is_named():
    tables = analysis_of({"at": 0, "s": 1.0})
    with pytest.raises(ValueError, match="no start-up 7"):
        charts.plot_startup(tables, startup=7)
    with pytest.raises(ValueError, match="task ABC"):
        charts.plot_task(tables.spans, task_id="ABC")
    with pytest.raises(ValueError, match="axis='local'"):
        charts.plot_startup(tables, axis="local")


def test_a_start_up_says_what_waits_for_what_and_from_when():
    ax = charts.plot_startup(analysis_of({"at": 0, "s": 5.0}, {"at": 6, "s": 4.0}))
    assert ax.get_title(loc="left").replace("\n", " ") == (
        "w3wp.exe (PID 4000 on WEB01) spent 9.0 s of its first 10.2 s waiting for the network; "
        "0.40 s went into checking, 0.80 s is unexplained"
    )
    assert {"Contoso.Slow.dll → crl.test 5.0 s", "Contoso.Slow.dll → crl.test 4.0 s"} <= set(texts_of(ax))
    bars = {bar.get_gid(): (bar.get_x(), bar.get_width(), bar.get_url()) for bar in ax.patches}
    assert bars["e30"] == (pytest.approx(0.1), pytest.approx(5.0), "#event-30")
    assert bars["e70"] == (pytest.approx(6.1), pytest.approx(4.0), "#event-70")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["thread 10"]


def test_a_bounded_wait_is_hatched_and_says_so(analysis):
    ax = charts.plot_startup(analysis)
    assert [bool(bar.get_hatch()) for bar in ax.patches if bar.get_gid() == "e70"] == [True]
    assert any("at most 15.0 s" in text for text in texts_of(ax))


def test_a_wait_of_unknown_length_is_counted_and_not_drawn(analysis):
    for ax in (charts.plot_startup(analysis), charts.plot_hosts(analysis.waits)):
        assert "Not drawn: 1 wait of unknown length (each at most 9.0 s)." in ax.get_xlabel()
    assert "e150" not in {bar.get_gid() for bar in charts.plot_startup(analysis).patches}
    only = analysis_of({"at": 0, "s": 5.0, "quality": "unknown"})
    assert any("unknown" in text for text in texts_of(charts.plot_hosts(only.waits)))


def test_of_many_threads_those_that_waited_longest_are_drawn(crowd):
    ax = charts.plot_startup(crowd)
    assert "the 40 of 50 threads that waited longest" in ax.get_title(loc="left").replace("\n", " ")
    waited = crowd.waits.groupby("tid")["wait_s"].sum().sort_values(ascending=False)
    shown = {int(label.get_text().removeprefix("thread ")) for label in ax.get_yticklabels()}
    assert shown == set(waited.index[:40])
    assert any(text.startswith("A = crl.test") for text in ax.get_xlabel().split("\n"))


def test_labels_of_waits_stay_in_the_axes_and_off_each_other(crowd):
    ax = charts.plot_startup(crowd)
    ax.figure.draw_without_rendering()
    frame = ax.get_window_extent()
    written = [(text.get_position()[1], text.get_window_extent()) for text in ax.texts if type(text) is Text]
    assert len(written) > 100
    assert all(frame.x0 - 1 < box.x0 and box.x1 < frame.x1 + 1 for _, box in written)
    rows = pd.DataFrame([(lane, box.x0, box.x1) for lane, box in written], columns=["lane", "x0", "x1"])
    rows = rows.sort_values(["lane", "x0"])
    before = rows.groupby("lane")["x1"].shift()
    assert not (rows["x0"] < before - 1).any()


@pytest.mark.parametrize("name", ["startup", "task"])
def test_the_utc_axis_shows_the_time_of_day(analysis, name):
    ax = DRAW[name](analysis, axis="utc")
    ax.figure.draw_without_rendering()
    assert ax.get_xlabel().startswith("time (UTC), 2026-03-02")
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert all(re.fullmatch(r"06:00:\d\d(\.\d+)?", text) for text in shown)
    assert len(set(shown)) == len(shown) >= 2


def test_a_task_is_a_row_per_operation_with_its_duration_and_quality(analysis):
    ax = DRAW["task"](analysis)
    names = [" ".join(label.get_text().split()) for label in ax.get_yticklabels()]
    assert names == [
        "VerifyTrust Contoso.Slow.dll",
        "BuildChain",
        "VerifyRevocation",
        "RetrieveObjectFromNetwork crl.test/a.crl",
    ]
    depths = [
        len(text) - len(text.lstrip("\N{NO-BREAK SPACE}"))
        for text in (label.get_text() for label in ax.get_yticklabels())
    ]
    assert depths == sorted(set(depths))
    assert [text.get_text() for text in ax.texts] == ["5.2 s", *["5.0 s"] * 3]
    bounded = charts.plot_task(analysis.spans, task_id="task-1", waits=analysis.waits)
    assert bounded.texts[-1].get_text() == "at most 15.0 s"
    assert {bar.get_url() for bar in ax.patches} == {"#event-0", "#event-10", "#event-20", "#event-30"}


def test_an_operation_too_short_to_see_has_a_mark():
    tables = analysis_of({"at": 0, "s": 300.0})
    spans = tables.spans.copy()
    spans.loc[3, "start"] = spans.loc[3, "stop"]
    ax = charts.plot_task(spans, task_id="TASK-0")
    first, last = ax.get_xlim()
    points = ax.get_window_extent().width / ax.figure.dpi * 72
    assert min(bar.get_width() for bar in ax.patches) / (last - first) * points > 1


def test_a_task_whose_start_is_lost_says_so():
    spans = analysis_of({"at": 0, "s": 1.0}).spans.copy()
    spans.loc[0, ["state", "quality"]] = ["no start", "unknown"]
    ax = charts.plot_task(spans, task_id="TASK-0")
    assert "its start is not in the log" in ax.get_title(loc="left").replace("\n", " ")
    assert ax.texts[0].get_text() == "start not in the log"


def test_seconds_per_server_add_up_and_failures_have_their_colour(analysis):
    ax = charts.plot_hosts(analysis.waits)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["ocsp.test", "crl.test", "$x$.test"]
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(23.0)
    failed = [bar for bar in ax.patches if to_rgb(bar.get_facecolor()) == to_rgb(palette.FAILED)]
    assert sum(bar.get_width() for bar in failed) == pytest.approx(15.0)
    assert not [bar for bar in ax.patches if bar.get_hatch()], "a pattern is for bounds alone"
    assert [text.get_text() for text in ax.texts if text.get_text().endswith("%")] == ["65%", "87%", "100%"]


def test_servers_beyond_the_top_share_a_bar():
    waits = analysis_of(*({"at": 20 * k, "s": 1.0 + k, "url_host": f"h{k}.test"} for k in range(6))).waits
    ax = charts.plot_hosts(waits, top=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["h5.test", "h4.test", "4 more servers"]
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(waits["wait_s"].sum())


def test_two_files_of_one_name_stay_two_rows():
    same = [{"at": 30 * k, "s": 5.0 - k, "target": rf"C:\a folder with a long name\{k}\App_Web.dll"} for k in (0, 1)]
    other = {"at": 60, "s": 2.0, "target": same[0]["target"], "pid": 5000}
    ax = charts.plot_targets(analysis_of(*same, other).delays)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert len(names) == 3
    assert all("App_Web.dll" in name for name in names)
    assert "w3wp.exe 5000" in names[2]
    widths = sorted(bar.get_width() for bar in ax.patches)
    assert widths == pytest.approx([2.0, 2.2, 4.0, 4.2, 5.0, 5.2])


@every_chart
def test_no_text_of_a_log_is_taken_for_a_formula(draw):
    tables = analysis_of({"at": 0, "s": 5.0, "target": EVIL, "process": "$w$.exe", "url_host": "$h$.test"})
    ax = draw(tables)
    svg = charts.svg_text(ax, salt="c1")
    texts = texts_of(ax)
    assert any("$" in text for text in texts)
    assert not any("\x1b" in text or "\r" in text or "\u202e" in text for text in texts)
    assert all(not found.get_parse_math() for found in ax.figure.findobj(Text) if "$" in found.get_text())
    assert not list(elements_of(svg).iter("{*}script", "{*}b"))


@every_chart
def test_inline_svg_obeys_a_strict_policy(analysis, draw):
    svg = charts.svg_text(draw(analysis), salt="c1")
    root = elements_of(svg)
    assert svg.startswith("<svg ")
    tags = {etree.QName(element).localname for element in root.iter()}
    assert tags <= {"svg", "title", "g", "a", "path", "use", "text", "tspan", "defs", "clipPath", "rect", "pattern"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name == "style" or name.startswith(("on", "{"))}
    assert root.get("role") == ("group" if root.find(".//{*}a") is not None else "img"), "an image has no links in it"
    assert root.find("{*}title").text == draw(analysis).get_title(loc="left").replace("\n", " ")
    assert root.get("aria-labelledby") == root.find("{*}title").get("id")


@every_chart
def test_ids_of_inline_svg_are_its_own_and_all_found(analysis, draw):
    root = elements_of(charts.svg_text(draw(analysis), salt="c7"))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("c7-") for name in ids)
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {name for value in values for name in re.findall(r"url\(#([^)]+)\)", value)}
    used |= {element.get("href")[1:] for element in root.iter("{*}use")}
    assert used <= set(ids)
    assert all(link.get("href").startswith("#event-") for link in root.iter("{*}a"))


def test_bars_of_inline_svg_link_to_their_events(analysis):
    root = elements_of(charts.svg_text(charts.plot_startup(analysis), salt="c1"))
    links = {link.get("href"): link.getparent().get("id") for link in root.iter("{*}a")}
    assert links == {f"#event-{number}": f"c1-e{number}" for number in (30, 70, 110)}


def test_a_salt_that_could_break_out_of_an_attribute_is_refused(analysis):
    with pytest.raises(ValueError, match="salt"):
        charts.svg_text(charts.plot_hosts(analysis.waits), salt='x"><script>')


@every_chart
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_chart_is_written_alike_every_time(analysis, draw, tmp_path, kind):
    first, second = (charts.save_chart(draw(analysis), tmp_path / f"{name}.{kind}") for name in "ab")
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert first.read_bytes().startswith(head)
    assert first.read_bytes() == second.read_bytes()
    assert not re.search(rb"CreationDate|dc:date", first.read_bytes())


@every_chart
def test_inline_svg_is_alike_every_time(analysis, draw):
    assert charts.svg_text(draw(analysis), salt="c1") == charts.svg_text(draw(analysis), salt="c1")


def test_another_ending_is_refused_and_settings_stay(analysis, tmp_path):
    before = dict(mpl.rcParams)
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf"):
        charts.save_chart(charts.plot_hosts(analysis.waits), tmp_path / "chart.bmp")
    charts.svg_text(charts.plot_hosts(analysis.waits), salt="c1")
    assert dict(mpl.rcParams) == before


# Colours: WCAG contrast of the luminance, as seen and with the two common forms of colour blindness (Machado 2009).
AS_SEEN = np.eye(3)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def luminance(color: str, eye: np.ndarray) -> float:
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(np.array([0.2126, 0.7152, 0.0722]) @ np.clip(eye @ linear, 0, 1))


@pytest.mark.parametrize("eye", [AS_SEEN, PROTANOPIA, DEUTERANOPIA], ids=["seen", "protanopia", "deuteranopia"])
@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        (palette.WAIT, palette.CHECK, 3.0),
        (palette.WAIT, palette.PAPER, 4.5),
        (palette.INK, palette.PAPER, 7.0),
        (palette.INK, palette.CHECK, 7.0),
        (palette.QUIET, palette.PAPER, 4.5),
        (palette.EDGE, palette.PAPER, 3.0),
    ],
)
def test_colours_differ_in_lightness(one, other, least, eye):
    bright, dark = sorted((luminance(one, eye), luminance(other, eye)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= least


def test_a_thread_that_ends_in_the_background_has_no_lane_and_waits_are_whole_numbers():
    found = analysed("remembered-offline")
    _, _, lanes = find_lanes(found.spans, found.waits, startup=0)
    truth = json.loads((LAB / "remembered-offline" / "truth.json").read_text(encoding="utf-8"))["waits"]
    assert (
        sorted(lanes["waits"]) == sorted(Counter(wait["tid"] for wait in truth).values())
        and str(lanes["waits"].dtype) == "int64"
    )
