"""Cross-checks: what other programs measured of the same moments."""

import pandas as pd
import pytest
from around import CHECKS, PID, at_home, evidence
from outlines import spans, waits

from capi2kit.columns.cells import shaped
from capi2kit.startups.cross_checks import confirm_drops, confirm_spans


def said(at: float, took: float, **more) -> dict:
    return {"at": at, "operation": "SlowCertificateValidation", "duration_s": took, "phase": "whole"} | more


@pytest.mark.parametrize(
    ("entry", "matched"),
    [
        (said(14.0, 4.0), 4.0),
        (said(14.5, 4.2), 4.0),
        (said(14.0, 4.0, pid=PID), 4.0),
        (said(14.0, 4.0, pid=7), None),  # another process
        (said(14.0, 4.0, host="WEB02"), None),
        (said(17.0, 4.0), None),  # ended at another time
        (said(15.0, 4.0), 4.0),
        (said(15.5, 4.0), None),
        (said(15.0, 4.0, resolution_s=-1.0), 4.0),  # no log is better than exact
        (said(15.9, 4.0, resolution_s=1.0), 4.0),
        (said(14.0, 9.0), None),  # took another time
        (said(14.0, 4.0, operation="HttpRequest"), None),  # is another kind of measure
    ],
)
def test_a_measure_fits_a_span_that_ended_then_and_took_as_long(entry, matched):
    found = confirm_spans(at_home(spans(CHECKS), "spans"), evidence(entry))
    assert found["measured_s"].tolist() == ([] if matched is None else [matched])


def packet(at: float, **more) -> dict:
    row = {
        "at": at,
        "operation": "FirewallPacket",
        "category": "DROP",
        "server": "192.0.2.1:80",
        "resolution_s": 1.0,
        "phase": "point",
    }
    return row | more


@pytest.mark.parametrize(
    ("packets", "drops"),
    [
        ([packet(11.5), packet(12.5), packet(18.0)], [2, 1]),
        ([packet(11.5, pid=PID), packet(12.5, pid=7), packet(30.0)], [1, 0]),
        ([packet(11.5, category="ALLOW"), packet(12.5, server="192.0.2.1:445"), packet(30.0)], [0, 0]),
        ([packet(11.5, category=None), packet(30.0)], [0, 0]),
        ([packet(1.0), packet(14.0)], [0, None]),  # the log ends before the second wait
        ([], [None, None]),
    ],
)
def test_packets_dropped_during_a_wait_are_counted_where_the_firewalls_log_covers_it(packets, drops):
    pauses = at_home(waits(CHECKS), "waits")
    log = evidence(*packets) if packets else shaped(pd.DataFrame(), "events").set_index(["task_id", "process"])
    found = confirm_drops(pauses, log)["firewall_drops"]
    assert [None if pd.isna(value) else int(value) for value in found] == drops


@pytest.mark.parametrize(("took", "matched"), [(4.0, 1), (4.5, 1), (4.6, 0), (3.5, 1), (3.4, 0), (6.0, 0)])
def test_a_measure_that_differs_by_more_than_half_a_second_is_of_another_check(took, matched):
    assert len(confirm_spans(at_home(spans(CHECKS), "spans"), evidence(said(14.0, took)))) == matched


def test_a_measure_of_a_named_process_does_not_fit_one_without_a_number():
    nameless = at_home(spans(CHECKS), "spans").assign(pid=pd.array([None] * 4, "Int64"))
    assert confirm_spans(nameless, evidence(said(14.0, 4.0, pid=PID))).empty
    assert len(confirm_spans(nameless, evidence(said(14.0, 4.0)))) == 1


def test_without_a_measure_or_without_a_span_nothing_is_confirmed():
    calls = at_home(spans(CHECKS), "spans")
    assert confirm_spans(calls, evidence(packet(11.5))).empty
    assert confirm_spans(calls.head(0), evidence(said(14.0, 4.0))).empty
    none = at_home(waits(CHECKS), "waits").head(0)
    assert confirm_drops(none, evidence(packet(11.5))).empty


@pytest.mark.parametrize(("took", "matched"), [(100.0, 1), (104.0, 1), (110.0, 0), (96.0, 1), (90.0, 0)])
def test_of_a_long_check_five_per_cent_are_allowed(took, matched):
    long = at_home(spans("VerifyTrust 0 100"), "spans")
    assert len(confirm_spans(long, evidence(said(100.0, took)))) == matched


def test_of_several_spans_that_fit_the_outermost_is_meant():
    nested = at_home(spans("VerifyTrust 0 4\n BuildChain 0.1 3.9\n  VerifyRevocation 0.2 3.8"), "spans")
    found = confirm_spans(nested, evidence(said(4.0, 3.8)))
    assert found["measured_s"].tolist() == [4.0] and found["apart_s"].tolist() == pytest.approx([0.2])


@pytest.mark.parametrize(
    ("url", "server", "drops"),
    [
        ("http://crl.test/a", "192.0.2.1:80", 1),
        ("https://crl.test/a", "192.0.2.1:443", 1),
        ("http://[::1]:8080/a", "192.0.2.1:8080", 1),
        ("http://user:80pw@crl.test:8080/a", "192.0.2.1:8080", 1),
        ("http://user:80pw@crl.test:8080/a", "192.0.2.1:80", 0),
        ("http://crl.test/a", "192.0.2.1", 0),
    ],
)
def test_a_packet_counts_if_it_went_to_the_port_of_the_url(url, server, drops):
    pauses = at_home(waits(f"RetrieveObjectFromNetwork 11 13 url={url}"), "waits")
    log = evidence(packet(11.5, server=server), packet(30.0, server="192.0.2.9:1"))
    assert confirm_drops(pauses, log)["firewall_drops"].tolist() == [drops]


def test_a_process_that_a_packet_names_must_be_that_of_the_wait():
    pauses = at_home(waits(CHECKS), "waits")
    log = evidence(packet(11.5, pid=7), packet(11.6, pid=PID), packet(30.0))
    assert confirm_drops(pauses, log)["firewall_drops"].tolist() == [1, 0]


def test_a_wait_of_no_computer_meets_no_packet():
    pauses = at_home(waits(CHECKS), "waits").assign(host=pd.array(["WEB01", pd.NA], "string"))
    found = confirm_drops(pauses, evidence(packet(11.5), packet(17.5), packet(30.0)))["firewall_drops"]
    assert found.tolist()[0] == 1 and found.isna().tolist() == [False, True]


def test_a_firewall_log_that_names_no_computer_is_of_the_only_one_there_is():
    pauses = at_home(waits(CHECKS), "waits")
    nameless = evidence(packet(11.5, host=None), packet(30.0, host=None))
    assert confirm_drops(pauses, nameless)["firewall_drops"].tolist() == [1, 0]
    two = pauses.assign(host=pd.array(["WEB01", "WEB02"], "string"))
    assert confirm_drops(two, nameless)["firewall_drops"].isna().all()
