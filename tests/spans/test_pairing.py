"""Pairing and nesting on the smallest notation there is: T( is the start of operation T, T) its stop.

T is a trust check (rank 1), C a chain (2), R a revocation check (3), A an issuer retrieval (3), N a retrieval (4).
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.spans.pairing import nest, pair_records, part_impossible

RANK = {"T": 1, "C": 2, "R": 3, "A": 3, "N": 4, "X": 0}  # of X nothing is known


def arrays(*tasks: str) -> dict[str, np.ndarray]:
    """Group, operation, sign and rank per record; a dot is a record that neither starts nor stops anything."""
    words = [(task, word) for task, text in enumerate(tasks) for word in text.split()]
    sign = [{"(": 1, ")": -1}.get(word[-1], 0) for _, word in words]
    operation = [sorted(RANK).index(word[0]) if word[0] in RANK else -1 for _, word in words]
    rank = [RANK.get(word[0], 0) for _, word in words]
    group = [task for task, _ in words]
    return {
        name: np.array(values, int)
        for name, values in (("group", group), ("operation", operation), ("sign", sign), ("rank", rank))
    }


def nested(*tasks: str) -> list[str]:
    """Each span as OPERATION:first-last<parent, with ? for a record that is not there; a + is a missing record."""
    seq = [place + 1 for text in tasks for place, word in enumerate(text.split()) if word != "+"]
    log = arrays(*(text.replace("+", "") for text in tasks))
    rank = log.pop("rank")
    pairs = pair_records(**log)
    pairs = part_impossible(pairs, rank=rank, doubted=np.zeros(len(pairs.start), bool))
    parent, root, depth = nest(pairs, group=log["group"], rank=rank, seq=np.array(seq, int))
    names = sorted(RANK)
    shown = [
        names[log["operation"][first]] + ":" + "-".join("?" if place < 0 else str(place) for place in ends)
        for first, *ends in zip(pairs.first, pairs.start, pairs.stop, strict=True)
    ]
    assert all(root[i] == (i if p < 0 else root[p]) for i, p in enumerate(parent))
    assert all(depth[i] == (0 if p < 0 else depth[p] + 1) for i, p in enumerate(parent))
    return [one if above < 0 else f"{one}<{shown[above][0]}" for one, above in zip(shown, parent, strict=True)]


def test_calls_that_nest_are_found_with_what_encloses_them():
    assert nested("T( C( R( N( N) R) C) T)") == ["T:0-7", "C:1-6<T", "R:2-5<C", "N:3-4<R"]


def test_siblings_have_the_same_parent():
    assert nested("C( R( R) R( R) C)") == ["C:0-5", "R:1-2<C", "R:3-4<C"]


def test_an_operation_may_be_nested_in_itself():
    assert nested("C( R( C( C) R) C)") == ["C:0-5", "R:1-4<C", "C:2-3<R"]


def test_the_same_operation_right_inside_itself_pairs_the_inner_one_first():
    assert nested("C( C( C) C)") == ["C:0-3", "C:1-2<C"]


def test_records_that_neither_start_nor_stop_make_no_span():
    assert nested(". C( . C) .") == ["C:1-3"]


def test_tasks_do_not_touch_each_other():
    assert nested("C(", "C)", "C( C)") == ["C:0-?", "C:?-1", "C:2-3"]


def test_stops_whose_starts_were_cut_off_enclose_what_came_before():
    assert nested("R( R) R) C) T)") == ["R:0-1<C", "R:?-2<C", "C:?-3<T", "T:?-4"]


def test_starts_whose_stops_were_cut_off_enclose_what_came_after():
    assert nested("T( C( R( N( N)") == ["T:0-?", "C:1-?<T", "R:2-?<C", "N:3-4<R"]


def test_an_export_of_stops_only_nests_by_rank():
    assert nested("N) R) R) C) T)") == ["N:?-0<R", "R:?-1<C", "R:?-2<C", "C:?-3<T", "T:?-4"]


def test_a_lost_stop_leaves_its_neighbours_alone():
    assert nested("C( R( N( N) R( N( N) R) C)") == ["C:0-8", "R:1-?<C", "N:2-3<R", "R:4-7<C", "N:5-6<R"]


def test_a_lost_start_leaves_its_neighbours_alone():
    assert nested("C( R( N( N) R) N( N) R) C)") == ["C:0-8", "R:1-4<C", "N:2-3<R", "N:5-6<R", "R:?-7<C"]


def test_an_open_call_does_not_reach_out_of_the_call_around_it():
    assert nested("R( C( N( N) R) N( N)") == ["R:0-4", "C:1-?<R", "N:2-3<C", "N:5-6"]


def test_of_two_pairs_that_cross_the_inner_one_is_parted():
    assert nested("T( C( T) T( C) T)") == ["T:0-2", "C:1-?<T", "T:3-5", "C:?-4<T"]


def test_two_pairs_of_one_rank_that_cross_are_both_parted():
    assert nested("R( A( R) A)") == ["R:0-?", "A:1-?", "R:?-2", "A:?-3"]


def test_what_lies_between_a_lost_stop_and_a_lost_start_belongs_to_the_first():
    assert nested("C( R( N( N) A) C)") == ["C:0-5", "R:1-?<C", "N:2-3<R", "A:?-4<C"]


def test_or_to_the_second_where_the_numbers_say_that_its_start_was_lost_before_it():
    assert nested("C( R( N( N) + + N( N) A) C)") == ["C:0-7", "R:1-?<C", "N:2-3<R", "N:4-5<A", "A:?-6<C"]


def test_a_gap_before_the_first_says_nothing_of_the_second():
    assert nested("C( + R( N( N) A) C)") == ["C:0-5", "R:1-?<C", "N:2-3<R", "A:?-4<C"]


def test_an_open_call_reaches_to_the_ends_of_the_call_around_it():
    assert nested("C( R( N( N) C)") == ["C:0-4", "R:1-?<C", "N:2-3<R"]
    assert nested("C( N( N) R) C)") == ["C:0-4", "N:1-2<R", "R:?-3<C"]


def test_nothing_comes_of_nothing():
    assert nested("") == [] and nested(". .") == []


def calls(dice: random.Random, depth: int) -> list[str]:
    """A random nesting; any operation may stand in any other."""
    found = []
    for _ in range(dice.randint(1, 3)):
        name = dice.choice("TCRAN")
        found += [f"{name}(", *(calls(dice, depth - 1) if depth and dice.random() < 0.6 else []), f"{name})"]
    return found


@st.composite
def damaged(draw):
    """A few tasks, of which records are lost here and there, or all of a stretch."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    tasks = []
    for _ in range(draw(st.integers(1, 3))):
        words, share = calls(dice, 3), draw(st.sampled_from([0.0, 0.1, 0.4]))
        first = dice.randrange(len(words))
        hole = range(first, dice.randrange(first, len(words))) if draw(st.booleans()) else ()
        tasks.append(" ".join(word for i, word in enumerate(words) if dice.random() >= share and i not in hole))
    return tasks


@given(st.integers(0, 2**32))
def test_a_whole_nesting_comes_back_as_it_was(seed):
    words = calls(random.Random(seed), 4)
    open_calls: list[int] = []
    truth = {}
    for place, word in enumerate(words):
        if word[-1] == "(":
            truth[place] = [None, open_calls[-1] if open_calls else None]
            open_calls.append(place)
        else:
            truth[open_calls.pop()][0] = place
    log = arrays(" ".join(words))
    rank = log.pop("rank")
    pairs = pair_records(**log)
    parent, _, _ = nest(pairs, group=log["group"], rank=rank, seq=np.zeros(len(rank), int))
    above = [None if p < 0 else int(pairs.start[p]) for p in parent]
    found = {int(a): [int(b), c] for a, b, c in zip(pairs.start, pairs.stop, above, strict=True)}
    assert found == truth


@given(damaged())
def test_whatever_is_lost_every_record_is_used_once_and_no_two_calls_cross(tasks):
    log = arrays(*tasks)
    rank = log.pop("rank")
    pairs = pair_records(**log)
    pairs = part_impossible(pairs, rank=rank, doubted=np.zeros(len(pairs.start), bool))
    used = np.r_[pairs.start[pairs.start >= 0], pairs.stop[pairs.stop >= 0]]
    assert sorted(used.tolist()) == np.flatnonzero(log["sign"]).tolist()
    parent, root, _ = nest(pairs, group=log["group"], rank=rank, seq=np.zeros(len(rank), int))
    for span, above in enumerate(parent.tolist()):
        if above < 0:
            assert root[span] == span
            continue
        assert log["group"][pairs.first[span]] == log["group"][pairs.first[above]]
        assert pairs.start[above] < 0 or pairs.start[above] < pairs.first[span]
        assert pairs.stop[above] < 0 or pairs.stop[above] > pairs.last[span]
    whole = np.flatnonzero(pairs.closed)
    for one in whole:
        inside = (pairs.start[whole] > pairs.start[one]) & (pairs.start[whole] < pairs.stop[one])
        assert (pairs.stop[whole][inside] < pairs.stop[one]).all()


@pytest.mark.parametrize("doubted", [False, True])
def test_a_pair_that_is_doubted_becomes_two_open_calls(doubted):
    log = arrays("N( N)")
    rank = log.pop("rank")
    pairs = part_impossible(pair_records(**log), rank=rank, doubted=np.array([doubted]))
    assert pairs.closed.tolist() == ([False, False] if doubted else [True])


def test_a_record_that_is_not_there_is_minus_one():
    log = arrays("C( R) N(")
    del log["rank"]
    pairs = pair_records(**log)
    assert (pairs.start.tolist(), pairs.stop.tolist()) == ([0, -1, 2], [-1, 1, -1])
    assert (pairs.first.tolist(), pairs.last.tolist()) == ([0, 1, 2], [0, 1, 2])


def test_a_call_whose_stop_was_lost_encloses_none_of_a_higher_rank_and_of_those_of_unknown_rank_all():
    assert nested("R( X( X) C( C) R( R)") == ["R:0-?", "X:1-2<R", "C:3-4", "R:5-6"]
    assert nested("X( N( N)") == ["X:0-?", "N:1-2"]


def test_pairs_that_only_lie_beside_or_inside_each_other_do_not_cross():
    assert nested("T( C( R( R) C) C( C) T)") == ["T:0-7", "C:1-4<T", "R:2-3<C", "C:5-6<T"]


@pytest.mark.parametrize(
    ("task", "spans"),
    [
        ("T( R( + R) N) T)", ["T:0-4", "R:1-2<T", "N:?-3<T"]),  # one record is missing inside a pair: it stays
        ("C( R( N( N) + N( N) A) C)", ["C:0-7", "R:1-?<C", "N:2-3<R", "N:4-5<A", "A:?-6<C"]),  # one missing is a gap
        ("C( R( + N( N) A) C)", ["C:0-5", "R:1-?<C", "N:2-3<A", "A:?-4<C"]),  # right behind the first call
    ],
)
def test_a_gap_in_the_numbers_parts_what_belongs_to_two_calls(task, spans):
    assert nested(task) == spans
