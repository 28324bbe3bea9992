"""Memory: how long failures are remembered is what is believed, within what the log shows."""

import pytest
from timelines import drawn

from capi2kit.diagnosis.memory import steps_of
from capi2kit.knowledge.durations import memory_steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("wait 0 10 1 A\nwait 26 10 2 A", [15, 15]),  # as is believed
        ("wait 0 10 1 A\ncheck 30 0 2 - like=0\nwait 90 10 3 A", [20, 15]),  # remembered for 20 s at least
        ("wait 0 10 1 A\nwait 18 10 2 A\nwait 30 10 3 A", [8, 2]),  # asked again after 8 s, and after 2 s
        ("wait 0 10 1 A\nwait 10 5 1 B\nwait 25 10 2 A\nwait 35 5 2 B", [10, 15]),  # counted from the end of the check
        ("wait 0 10 1 A thread=0\nwait 4 10 2 A thread=1\nwait 90 10 3 A", [15, 15]),  # two threads at once
        ("wait 0 10 1 A key=-1\nwait 11 10 2 A key=-1", [15, 15]),  # nothing is remembered together
        ("wait 0 10 1 A\ncall 90 0 2 A like=0", [15, 15]),  # turned away since another one ran: no memory
    ],
)
def test_steps(text, steps):
    assert list(steps_of(drawn(text)))[:2] == pytest.approx(steps)
    assert len(steps_of(drawn(text))) == len(memory_steps()) == 6
