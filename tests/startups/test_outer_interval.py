"""The outer interval of a start-up: from the best evidence of its beginning to the best of its end."""

import pandas as pd
import pytest
from around import CHECKS, PID, at_home, created, evidence, request
from outlines import EPOCH, analysed, spans, waits

from capi2kit.columns.cells import empty, shaped
from capi2kit.startups import draw_ledger, find_startups
from capi2kit.startups.outer_interval import frame_startups


def framed(*rows: dict, settings: pd.DataFrame | None = None, outline: str = CHECKS) -> pd.Series:
    """The start-up of the outline, with this evidence beside it; its ledger must add up."""
    table, waiting = at_home(spans(outline), "spans"), at_home(waits(outline), "waits")
    inner = find_startups(table, waiting)
    settings = empty("settings") if settings is None else settings
    startups = frame_startups(inner, evidence(*rows), settings=settings, gap_s=30)
    ledger = draw_ledger(startups, table, waits=waiting)
    row = startups.iloc[0]
    assert ledger["ns"].sum() == (row["stop"] - row["start"]).value
    assert ledger.loc[ledger["kind"] == "unexplained", "seconds"].sum() == pytest.approx(row["unexplained_s"])
    assert row["wall_s"] == pytest.approx(row["waiting_wall_s"] + row["checking_s"] + row["unexplained_s"])
    return row


def since(moment: pd.Timestamp) -> float:
    return (moment - EPOCH).total_seconds()


CASES = {
    # what is beside the log                                                  start  from               stop  to
    "nothing": ((), 10.0, "first operation", 20.0, "last operation"),
    "its creation": ((created(8.5),), 8.5, "process created", 20.0, "last operation"),
    "the creation of another process": ((created(8.5, new_pid=7),), 10.0, "first operation", 20.0, "last operation"),
    "another image with its pid": ((created(8.5, new_process="x.exe"),), 10.0, "first operation", 20.0, "last operation"),
    "its creation long before": ((created(-200.0),), 10.0, "first operation", 20.0, "last operation"),
    "its creation after it began": ((created(12.0),), 10.0, "first operation", 20.0, "last operation"),
    "its creation on another computer": ((created(8.5, host="WEB02"),), 10.0, "first operation", 20.0, "last operation"),
    "the start of IIS": (({"at": 7.0, "operation": "IisStarted"},), 7.0, "restart ended", 20.0, "last operation"),
    "the start of IIS a tick behind": (({"at": 10.016, "operation": "IisStarted"},), 10.0, "restart ended", 20.0, "last operation"),
    "the start of IIS behind": (({"at": 10.017, "operation": "IisStarted"},), 10.0, "first operation", 20.0, "last operation"),
    "its creation as long before as it may be": ((created(-20.0),), -20.0, "process created", 20.0, "last operation"),
    "a trace a tick before its end": ((request(19.984, 0.3, pid=PID, resolution_s=None),), 10.0, "first operation", 20.0, "request served"),
    "a trace before its end": ((request(19.983, 0.3, pid=PID, resolution_s=None),), 10.0, "first operation", 20.0, "last operation"),
    "a trace of an odd resolution": ((request(19.984, 0.3, pid=PID, resolution_s=-5.0),), 10.0, "first operation", 20.0, "request served"),
    "a trace of a request that began at once": ((request(22.0, 1.0, pid=PID),), 10.0, "first operation", 22.0, "request served"),
    "a trace of a request that began later": ((request(22.0, 0.9, pid=PID),), 10.0, "first operation", 20.0, "last operation"),
    "a request as long after as it may be": ((request(50.0, 40.0),), 10.0, "first operation", 50.0, "request served"),
    "both": (({"at": 7.0, "operation": "IisStarted"}, created(8.5)), 8.5, "process created", 20.0, "last operation"),
    "a request that waited for it": ((request(21.0, 11.5),), 10.0, "first operation", 21.0, "request served"),
    "two such requests": ((request(24.0, 15.0), request(21.0, 11.5)), 10.0, "first operation", 21.0, "request served"),
    "a quick request": ((request(21.0, 0.5),), 10.0, "first operation", 20.0, "last operation"),
    "a request that ended before": ((request(15.0, 14.0),), 10.0, "first operation", 20.0, "last operation"),
    "a request long after": ((request(90.0, 85.0),), 10.0, "first operation", 20.0, "last operation"),
    "a trace of its own request": ((request(20.4, 0.3, pid=PID, resolution_s=0.01),), 10.0, "first operation", 20.4, "request served"),
    "a trace of another process": ((request(20.4, 9.0, pid=7, resolution_s=0.01),), 10.0, "first operation", 20.0, "last operation"),
    "a log that names no computer": ((request(21.0, 11.5, host=None),), 10.0, "first operation", 21.0, "request served"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "start", "start_from", "stop", "stop_from"), CASES.values(), ids=CASES)
def test_the_outer_interval_is_that_of_the_best_evidence(rows, start, start_from, stop, stop_from):
    row = framed(*map(dict, rows))
    assert (since(row["start"]), row["start_from"]) == (start, start_from)
    assert (since(row["stop"]), row["stop_from"]) == (stop, stop_from)
    assert (since(row["first_operation"]), since(row["last_operation"])) == (10.0, 20.0)
    assert pd.isna(row["start_event"]) == (start_from == "first operation")
    assert pd.isna(row["stop_event"]) == (stop_from == "last operation")
    assert row["waiting_wall_s"] == 4.0


def test_what_is_added_is_unexplained():
    alone, wide = framed(), framed(created(8.5), request(21.0, 11.5))
    assert wide["unexplained_s"] == pytest.approx(alone["unexplained_s"] + 1.5 + 1.0)


def test_start_ups_without_other_evidence_stay_as_they_are():
    analysis = analysed(CHECKS)
    assert analysis.startups["stop_from"].tolist() == ["last operation"]
    assert analysis.startups["start_event"].isna().all()


# The application pool.


def listed(*workers: tuple[str, str]) -> pd.DataFrame:
    return shaped(
        pd.DataFrame([{"path": "applicationPool", "name": pid, "value": pool} for pid, pool in workers]), "settings"
    )


def test_the_pool_is_named_by_the_command_line_or_by_a_list_of_worker_processes():
    assert framed(created(8.5, app_pool="Portal"))["app_pool"] == "Portal"
    assert framed(settings=listed(("4000", "Portal"), ("7", "Other")))["app_pool"] == "Portal"
    assert framed(created(8.5, app_pool="Portal"), settings=listed(("4000", "Other")))["app_pool"] == "Portal"
    assert pd.isna(framed(settings=listed(("7", "Other")))["app_pool"])


def test_two_names_for_one_process_are_none():
    assert pd.isna(framed(settings=listed(("4000", "Portal"), ("4000", "Other")))["app_pool"])


def test_the_creation_of_a_process_counts_before_a_later_start_of_its_service():
    row = framed(created(5.0), {"at": 7.0, "operation": "IisStarted"})
    assert (since(row["start"]), row["start_from"]) == (5.0, "process created")


def test_of_two_starts_of_iis_the_last_one_before_the_first_operation_counts():
    row = framed({"at": 3.0, "operation": "IisStarted"}, {"at": 7.0, "operation": "IisStarted"})
    assert since(row["start"]) == 7.0


def test_a_trace_of_its_own_process_counts_before_an_earlier_request_of_nobody():
    row = framed(request(20.5, 12.0), request(20.8, 0.3, pid=PID, resolution_s=0.01))
    assert since(row["stop"]) == 20.8


@pytest.mark.parametrize(("took", "stop"), [(5.0, 21.0), (4.9, 20.0)])
def test_a_request_of_nobody_must_have_waited_for_half_of_the_start_up(took, stop):
    assert since(framed(request(21.0, took))["stop"]) == stop


def two_computers() -> pd.DataFrame:
    table = at_home(spans(CHECKS), "spans").assign(host=pd.array(["WEB01", "WEB01", "WEB02", "WEB02"], "string"))
    return find_startups(table, empty("waits"))


def test_a_list_of_worker_processes_is_asked_only_where_there_is_one_computer():
    both = frame_startups(two_computers(), evidence(), settings=listed(("4000", "Portal")), gap_s=30)
    assert len(both) == 2 and both["app_pool"].isna().all()


def test_a_log_that_names_no_computer_says_nothing_of_two():
    rows = evidence(created(8.5, host=None))
    both = frame_startups(two_computers(), rows, settings=empty("settings"), gap_s=30)
    assert both["start_from"].tolist() == ["first operation"] * 2


def test_a_pool_without_a_process_id_is_of_no_process():
    table = at_home(spans(CHECKS), "spans").assign(pid=pd.array([None] * 4, "Int64"))
    rows = evidence(created(8.5, new_pid=None, app_pool="Portal"))
    found = frame_startups(find_startups(table, empty("waits")), rows, settings=empty("settings"), gap_s=30)
    assert found["app_pool"].isna().all()
