"""References: what other records say of a call: its policy check, its catalog search, the name of its target."""

import numpy as np
import pandas as pd
import pytest

from capi2kit.columns.cells import shaped
from capi2kit.spans.references import join_catalogs, join_policies, name_targets

CHAIN = {"phase": "stop", "chain_ref": "{C}", "host": "A"}
POLICY = {"phase": "point", "chain_ref": "{C}", "host": "A", "result": 0x800B010F, "server_name": "www.test"}


def log(*rows: dict) -> pd.DataFrame:
    return shaped(pd.DataFrame([{"event": n, "host": "A"} | row for n, row in enumerate(rows)]), "events")


def cells(values: object) -> list:
    return [None if pd.isna(value) else value for value in values]


@pytest.mark.parametrize(
    ("chain", "policy", "event", "server"),
    [
        (CHAIN, POLICY, 1, "www.test"),
        (CHAIN, POLICY | {"chain_ref": "{D}"}, None, None),
        (CHAIN, POLICY | {"host": "B"}, None, None),
        (CHAIN, POLICY | {"phase": "stop"}, None, None),
        (CHAIN | {"chain_ref": None}, POLICY | {"chain_ref": None}, None, None),
        (CHAIN | {"file_path": "a.dll"}, POLICY, None, None),  # a trust check cites a chain, but is not it
        (CHAIN | {"display_name": "CN=x"}, POLICY, None, None),
    ],
)
def test_a_policy_check_belongs_to_the_chain_that_it_cites(chain, policy, event, server):
    found = join_policies(log(chain, policy), np.array([0]))
    assert cells(found["policy_event"]) == [event] and cells(found["server_name"]) == [server]
    assert cells(found["policy_result"]) == [None if event is None else 0x800B010F]


def test_a_call_without_a_stop_record_has_no_policy():
    assert cells(join_policies(log(CHAIN, POLICY), np.array([-1, 0]))["policy_event"]) == [None, 1]
    assert cells(join_policies(log(CHAIN), np.array([0]))["policy_event"]) == [None]


TRUST = {"phase": "stop", "pid": 1, "member_tag": "AA"}
SEARCH = {"phase": "stop", "pid": 1, "query_hash": "AA"}


@pytest.mark.parametrize(
    ("rows", "stop", "event"),
    [
        ([SEARCH, TRUST], 1, 0),
        ([SEARCH, SEARCH, TRUST], 2, 1),  # the last one before
        ([TRUST, SEARCH], 0, None),  # not one behind
        ([SEARCH | {"query_hash": "BB"}, TRUST], 1, None),
        ([SEARCH | {"pid": 2}, TRUST], 1, None),
        ([SEARCH | {"host": "B"}, TRUST], 1, None),
        ([TRUST, TRUST], 1, None),
    ],
)
def test_the_catalog_search_of_a_file_is_the_last_one_for_its_hash(rows, stop, event):
    assert cells(join_catalogs(log(*rows), np.array([stop]))["catalog_event"]) == [event]


@pytest.mark.parametrize(
    ("row", "subject", "server", "target", "kind"),
    [
        ({"file_path": "a.dll", "member_path": "b.cat"}, "CN=x", "www", "a.dll", "file"),
        ({"member_path": "b.cat"}, "CN=x", "www", "b.cat", "catalog"),
        ({}, "CN=x", "www", "www", "server"),
        ({"display_name": "Display"}, "CN=x", None, "Display", "subject"),
        ({}, "CN=x", None, "CN=x", "subject"),
        ({}, None, None, None, None),
    ],
)
def test_a_target_is_named_by_the_best_that_is_known_of_the_outermost_call(row, subject, server, target, kind):
    texts = [pd.array([value, "CN=inner"], "string") for value in (subject, server)]
    found = name_targets(log(row, {}), np.array([0, 1]), subject=texts[0], server=texts[1], root=np.array([0, 0]))
    assert cells(found["target"]) == [target] * 2 and cells(found["target_kind"]) == [kind] * 2
