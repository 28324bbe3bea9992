"""Sentences: the answer in words, as every output begins: headline, figures, first step, and how sure.

Input: an `Answer` and the case. Each function returns sentences; none of them judges.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from capi2kit import words
from capi2kit.diagnosis.rules import POSSIBLE, rules
from capi2kit.questions.answer import HARMLESS, MINOR, NOTHING, WELL, WRONG, Answer, Charge
from capi2kit.questions.beside import without_events
from capi2kit.questions.cautions import Read
from capi2kit.questions.leading import Cause
from capi2kit.questions.waiting import Waiting

_WORTH_SAYING_S = 1.0  # seconds that a headline names
_LEAD = {WRONG: "", MINOR: "Nothing urgent. ", HARMLESS: "Nothing to fix. "}
_SURE_S = 0.05
_AS_NOW = 0.95  # a start that takes this part of what it took is no other one
_TOGETHER = 1.1  # all processes together must have waited this many times as long to be worth a sentence
_WHAT_WINDOWS_DOES = (
    "Before Windows trusts a certificate, such as the one behind the signature of a program file, it asks servers on the network whether "
    "the certificate is still good."
)
_SLOW_S, _SLOW_PART = 5.0, 0.5  # waiting of which a log without a finding says that nothing explains it


def headline(answer: Answer, *, case: Read, findings: pd.DataFrame) -> str:
    """The cause first, then what it costs and whom; a verdict where no rule fired."""
    if answer.verdict == NOTHING:
        return f"{_nothing_to_time(case)}{_no_rule_fired()}."
    if answer.verdict == WELL:
        return _well(answer)
    named = answer.charges[: answer.named]
    titles = _LEAD[answer.verdict] + ". ".join(titled(one.cause) for one in named)
    if max((one.here_s for one in named if one.startup), default=0.0) >= _WORTH_SAYING_S:
        return f"{titles}. {_cost(named)}."
    if waited := [one.cause for one in named if one.cause.waits and one.cause.cost_s >= _WORTH_SAYING_S]:
        return f"{titles}. {_outside(waited[0], answer.waiting)}."
    seen = [words.brief_sids(words.visible(text)) for text in findings.iloc[list(named[0].cause.rows)]["finding"]]
    more = f" (and {words.count(len(seen) - 1, 'more finding')} like it)" if len(seen) > 1 else ""
    if len(named) == 1 and ":" not in titles:
        return f"{titles}: {seen[0]}{more}."
    return f"{titles}. Seen: {seen[0]}{more}."


def titled(cause: Cause) -> str:
    """The title of a cause, and whether it is no more than possible."""
    return f"{cause.title} (possible)" if cause.certainty == POSSIBLE else cause.title


def spent(charge: Charge) -> str:
    """What a cause costs its start-up, with no more digits than its bounds allow, and not more than that took; ``–`` if it costs none."""
    if charge.startup is None:
        return words.ABSENT
    if charge.most_s - charge.least_s < _SURE_S:
        return words.seconds(charge.here_s)
    if charge.most_s >= charge.startup["wall_s"] and charge.least_s > 0.05 * charge.most_s:
        return words.at_least(charge.least_s)
    return words.duration(charge.here_s, low=charge.least_s, high=charge.most_s, quality="bounded")


def cost_of_start(charge: Charge) -> str:
    """What a cause costs, of what its start-up took: ``8 min 15 s of 8 min 23 s``, ``15 s, in no start-up``; ``–`` if none."""
    if charge.startup is None:
        cause = charge.cause
        sure = {"low": cause.low_s, "high": cause.high_s, "quality": "bounded" if cause.high_s else "exact"}
        return f"{words.duration(cause.cost_s, **sure)}, in no start-up" if cause.cost_s >= _SURE_S else words.ABSENT
    return f"{spent(charge)} of {words.seconds(charge.startup['wall_s'])}"


def place(startup: dict[Any, Any], *, host: bool = True) -> str:
    """The process of a start-up: ``w3wp.exe (PID 4120 on SP01)``."""
    pid = "not logged" if words.is_missing(startup["pid"]) else startup["pid"]
    where = f" on {words.visible(startup['host'])}" if host and not words.is_missing(startup["host"]) else ""
    return f"{words.visible(startup['process'])} (PID {pid}{where})"


def wall(startup: dict[Any, Any]) -> str:
    """What a start-up took, as far as the log has it."""
    took = words.seconds(startup["wall_s"])
    return f"the {took} that the log has of it" if startup["start_from"] == "log begins" else f"its first {took}"


def plainly(answer: Answer) -> str:
    """The answer for a person who is no expert: what Windows does, what went wrong, what it cost; empty if no rule has words for it."""
    known = {rule.id: rule.plain for rule in rules()}
    named = [one for one in answer.charges[: answer.named] if known.get(one.cause.rule)]
    if not named:
        return ""
    said = " ".join(dict.fromkeys(known[one.cause.rule] for one in named))
    doubt = " This is possible, not proven." if named[0].cause.certainty == POSSIBLE else ""
    most = max((one for one in named if one.startup), key=lambda one: one.here_s, default=None)
    row = most.startup if most else None
    until = f" This cost {words.visible(row['process'])} {cost_of_start(most)}." if row and most else ""
    return f"{_WHAT_WINDOWS_DOES} {said}{doubt}{until}{_afterwards(answer)}"


def _afterwards(answer: Answer) -> str:
    """What a start takes after the first remedy, for a person who is no expert."""
    row = answer.effect
    if row is None or not after(answer) or row["wall_s"] - row["low_s"] > _AS_NOW * row["wall_s"]:
        return ""
    return f" After the change that is named here, the same start should take {left(row)}."


def _cost(named: tuple[Charge, ...]) -> str:
    most = max((one for one in named if one.startup), key=lambda one: one.here_s)
    startup = most.startup or {}
    took = words.seconds(startup["wall_s"])
    waited = "nearly all" if spent(most) in (took, f"about {took}") else spent(most)
    return f"{place(startup)} waited {waited} of {wall(startup)}"


def _outside(cause: Cause, waiting: Waiting) -> str:
    who = "One process" if waiting.processes == 1 else f"{waiting.processes} processes"
    sure = {"low": cause.low_s, "high": cause.high_s, "quality": "bounded"}
    return f"{who} waited {words.duration(cause.cost_s, **sure)} in all for the network"


def _no_rule_fired() -> str:
    return f"; {len(rules())} rules asked, none fired"


def _well(answer: Answer) -> str:
    """No rule fired: what there was to wait for, and, unless all went well, how it ended."""
    found, row = answer.waiting, answer.startup
    failed = (
        found.outcomes or found.wrong or found.trust_errors or found.failures or found.unfinished or found.no_result
    )
    slow = row is not None and row["waiting_wall_s"] > max(_SLOW_S, _SLOW_PART * row["wall_s"])
    if slow or failed or found.unknown or row is None:
        lead = "Slow, and no rule explains it" if slow else "No known problem"
        return f"{lead}: {detail(answer).removesuffix('.')}{_no_rule_fired()}."
    if answer.retrievals and found.startup is not None:
        text = f"{place(row)} waited {words.waited(row)} of {wall(row)} for the network"
    else:
        many = "" if answer.starts == 1 else f", the longest of {answer.starts} starts"
        text = f"{place(row)} took {words.seconds(row['wall_s'])} to start{many}, and nothing waited for the network"
    return f"Healthy: {text}{_no_rule_fired()}."


def detail(answer: Answer) -> str:
    """The figures behind the headline: how many retrievals, from where, as whom, and how they ended."""
    found = answer.waiting
    if not answer.retrievals:
        return _no_retrieval(answer)
    if found.startup is None:
        among = "one process" if found.processes == 1 else f"{found.processes} processes"
        most = words.at_most(found.waits["high_s"].sum())
        return f"{among} waited {most} in all for the network: {_retrievals(found)}; {_how_it_ended(found)}."
    row = found.startup.to_dict()
    return f"{place(row)} spent {words.waited(row)} of {wall(row)} waiting for the network: {_retrievals(found)}; {_how_it_ended(found)}."


def figures(answer: Answer) -> str:
    """The figures behind a headline that names the cost: what was asked, how it ended, and what all processes waited together."""
    found = answer.waiting
    if not answer.retrievals or found.startup is None or not answer.named:
        return detail(answer)
    ended = f"{_retrievals(found)}; {_how_it_ended(found)}."
    named = answer.charges[: answer.named]
    most = max((one.cause for one in named), key=lambda cause: cause.cost_s, default=None)
    if most is None or answer.starts < 2 or most.cost_s <= _TOGETHER * found.startup["waiting_wall_s"]:
        return ended
    bounds = {"low": most.low_s, "high": most.high_s, "quality": "bounded"}
    return f"{ended} All processes and threads together waited {words.duration(most.cost_s, **bounds)} because of it."


def first_step(answer: Answer) -> list[str]:
    """What to do first, with the names of this log, and what the start takes then; empty if there is nothing to do."""
    if answer.verdict == HARMLESS:
        return ["Nothing to fix: the records that look like errors are harmless."]
    if answer.first is None:
        return []
    doubt = answer.charges[0].cause.certainty == POSSIBLE
    lead = (
        "Not urgent; the most that could be done"
        if answer.verdict == MINOR
        else "If it is so, first"
        if doubt
        else "First"
    )
    servers = [name for name in answer.names["server"] if answer.first.becomes]
    whom = f" ({words.listed(list(map(words.visible, servers)), 'server')})" if servers else ""
    return [f"{lead}: {answer.first.title}{whom}.", *after(answer)]


def after(answer: Answer) -> list[str]:
    """What the start-up takes after the first remedy, within its bounds; empty if that cannot be calculated."""
    row = answer.effect
    if row is None or words.is_missing(row["wall_after_s"]):
        return []
    takes, comma, worst = left(row).partition(", at worst")
    return [f"The start then takes {takes} instead of {words.seconds(row['wall_s'])}{comma}{worst}."]


def left(effect: dict[Any, Any]) -> str:
    """What a start-up takes with a remedy in place, by a row of `whatif`; it may be that the remedy saves nothing."""
    least, most = effect["wall_s"] - effect["high_s"], effect["wall_s"] - effect["low_s"]
    if most > _AS_NOW * effect["wall_s"]:
        nearly = "nearly " if effect["low_s"] > _WORTH_SAYING_S else ""
        return f"{words.seconds(effect['wall_after_s'])}, at worst {nearly}as now"
    return words.duration(effect["wall_after_s"], low=max(least, 0.0), high=most, quality="bounded")


def how_sure(answer: Answer) -> str:
    """How certain the leading cause is, and why; empty if no rule fired."""
    if not answer.charges:
        return ""
    cause = answer.charges[0].cause
    return f"{cause.certainty.capitalize()}: {words.visible(cause.because)}."


def _no_retrieval(answer: Answer) -> str:
    """What a log without a finished retrieval has instead; nothing for one without operations."""
    if not answer.operations:
        return ""
    found = answer.waiting
    text = f"No finished network retrieval among {words.count(answer.operations, 'logged operation')}"
    if found.unfinished:
        text += f", but {found.unfinished} began and did not end in this log"
    return f"{text}; {found.failures} of them did not succeed." if found.failures else f"{text}."


def _retrievals(found: Waiting) -> str:
    """How many, of how many, from where and as whom."""
    inside, logged = len(found.waits), len(found.waits) if found.startup is None else int(found.startup["waits"])
    count = f"{'' if inside == logged else f'{inside} of '}{words.count(logged, 'retrieval')}"
    hedge = f" ({found.unknown} of unknown length)" if found.unknown else ""
    names = list(map(words.brief_account, found.accounts))
    where = words.listed(found.servers, "server") or "a server that the log does not name"
    return f"{count}{hedge} from {where} as {words.listed(names, 'account') or 'an account that the log does not name'}"


def _how_it_ended(found: Waiting) -> str:
    failed, all_said = sum(found.outcomes.values()), found.waits["outcome"].notna().all()
    if failed:
        kinds = ", ".join(f"{times} × {outcome}" for outcome, times in found.outcomes.items())
        every = "all" if failed > 1 else "it"
        end = f"{every if failed == len(found.waits) else f'{failed} of them'} failed ({kinds})"
    elif found.wrong:
        end = f"no retrieval {'failed' if all_said else 'is known to have failed'}"
        end += f", but {words.count(found.wrong, 'check')} around them did"
    elif found.trust_errors:
        end = f"every result is 0, but there are chains with errors ({', '.join(found.trust_errors)})"
    elif found.no_result:
        end = f"no logged result is a failure, but {words.count(found.no_result, 'operation')} logged none"
    else:
        end = "nothing failed (every result is 0)"
    if found.failed_lookups:
        end += f", but the search for a proxy (WPAD) failed {words.count(found.failed_lookups, 'time')} inside them"
    if found.unsaved:
        end += f", but {words.count(found.unsaved, 'answer')} could not be stored, so the next process asks again"
    return end


def _nothing_to_time(case: Read) -> str:
    """What evidence without a single operation says."""
    if not len(case.events):
        return without_events(case)
    found = words.count(len(case.events), "event")
    return f"{found}, but no certificate check with start and stop among them; nothing to time"
