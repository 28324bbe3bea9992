"""Memory: how long a process remembers that a list could not be had, as far as a log shows it."""

from __future__ import annotations

from capi2kit.columns.instants import SECOND
from capi2kit.diagnosis.timeline import CHECK, WAIT, Timeline
from capi2kit.knowledge.durations import memory_steps

_ALWAYS = float("inf")


def steps_of(timeline: Timeline) -> tuple[float, ...]:
    """How long the first failure, the second and so on are remembered, in s: as is believed, within what the log shows."""
    believed = memory_steps()
    low, high = [0.0] * len(believed), [_ALWAYS] * len(believed)
    ends, failures, seen = dict[int, float](), dict[int, int](), set[int]()
    start = timeline.start / SECOND
    for i, key in enumerate(timeline.remembers.tolist()):
        if key < 0:
            continue
        step, check = min(failures.get(key, 0), len(believed)) - 1, int(timeline.check[i])
        gap = start[i] - ends.get(key, start[i])
        if timeline.kind[i] == WAIT:
            if check not in seen:
                if step >= 0 and gap > 0:  # else two threads asked at once
                    high[step] = min(high[step], float(gap))
                failures[key] = failures.get(key, 0) + int(timeline.failed[i])
                seen.add(check)
            if timeline.failed[i]:
                ends[key] = start[i] + timeline.length.best[i]
        elif step >= 0 and _of_memory(timeline, i):
            low[step] = max(low[step], float(gap))
    return tuple(min(max(one, least), most) for one, least, most in zip(believed, low, high, strict=True))


def _of_memory(timeline: Timeline, i: int) -> bool:
    """Whether a call that did not wait shows a memory, and not a retrieval that still ran."""
    return bool(timeline.kind[i] == CHECK or timeline.issuer_process[i] < 0)
