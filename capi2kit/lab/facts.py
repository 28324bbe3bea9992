"""Facts: what the questions of the course are about, computed from the truth of a scenario.

A fact that a story does not have is missing, or empty, so that questions that need it are not asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from capi2kit.knowledge import normal_code

Truth = dict[str, Any]
Facts = dict[str, Any]
GOOD = "00000000"
_OFFLINE, _REVOKED, _FILE_REVOKED = "80092013", "80092010", "800B010C"
_BUDGET_S = 20.0  # that most callers give a chain; see callers.toml
_LONG_S = 2.0  # of waiting that is worth a question
_BUCKETS = ((1.0, "none"), (10.0, "seconds"), (60.0, "many"), (float("inf"), "minutes"))
_NEAR = 0.05  # of a bucket's end: nobody is asked to which side it belongs
_MORE = "Where a thread of its own does the work, it leaves an event 53, too; nobody waits for those."
_NO_MORE = "Here each event 53 is one of them."
_CODE = re.compile(r"0x[89][0-9A-Fa-f]{7}\b|(?<![\w-])-2\d{9}\b")


def facts_of(truth: Truth) -> Facts:
    """All facts of a story."""
    waits = [wait for wait in truth["waits"] if wait["record"] is not None]
    main, causes = truth["main_cause"], truth["causes"]
    facts: Facts = {"zero": 0.0, "main_cause": main or ("" if causes else "nothing"), "causes": causes}
    facts |= {"not_causes": truth["not_causes"], "some_cause": "" if main or not causes else causes[0]}
    facts |= _of_waits(truth, waits) | _of_startup(truth) | _of_refusals(truth) | _of_keys(truth) | _of_messages(truth)
    facts["none_failed"] = not facts.get("failed")
    facts["quiet"] = (
        not facts.get("failed")
        and not truth["refusals"]
        and not truth["messages"]
        and not truth["beside"]
        and bool(waits)
    )
    return facts


def _of_waits(truth: Truth, waits: list[dict[str, Any]]) -> Facts:
    if not waits:
        return {}
    hosts = Counter(urlsplit(wait["url"]).hostname or "a directory" for wait in waits)
    retrievals = [one for one in truth["beside"] if one["kind"] != "remembered"]
    accounts = Counter[str]()
    for wait in waits:
        accounts[wait["user_sid"]] += wait["wait_s"]
    (account, seconds), *others = accounts.most_common()
    clear = not others or others[0][1] < 0.8 * seconds
    facts: Facts = {
        "waits": True,
        "logged": len(waits),
        "beside": len(retrievals),
        "beside_why": _MORE if retrievals else _NO_MORE,
        "all_wire": len(waits) + len(retrievals),
        "urls": len({wait["url"] for wait in waits}),
        "servers": len(hosts),
        "many_servers": len(hosts) >= 3,
        "server_names": ", ".join(sorted(hosts)),
        "account": account if clear else "",
        "account_sid": account,
        "account_s": seconds,
        "first_record": waits[0]["record"],
        "first_host": waits[0]["host"],
        "starts": _starts(truth, waits),
    }
    failed = [wait for wait in waits if wait["result"] != GOOD]
    return facts | _of_longest(truth, waits) | _of_failed(failed) | _of_served(waits, failed)


def _starts(truth: Truth, waits: list[dict[str, Any]]) -> str:
    """Whether start records are late or on time; empty where the file has none, or where waits are too short to tell."""
    kinds = {host["starts"] for host in truth["hosts"]}
    tells = max(wait["wait_s"] for wait in waits) > 0.1 and "export-filtered" not in truth["causes"] and len(kinds) == 1
    return kinds.pop() if tells else ""


def _recoverable(truth: Truth, wait: dict[str, Any]) -> bool:
    """Whether the log gives a wait's begin away: by a budget, by its limit that was reached, or by a start record on time."""
    on_time = all(host["starts"] == "on time" for host in truth["hosts"])
    return bool(wait["accumulative"] or wait["wait_s"] > 0.99 * wait["limit_s"] or on_time)


def _of_longest(truth: Truth, waits: list[dict[str, Any]]) -> Facts:
    longest = max(waits, key=lambda wait: wait["wait_s"])
    return {
        "longest_s": longest["wait_s"] if _recoverable(truth, longest) else None,
        "longest_ms": 1000 * longest["wait_s"],
        "longest_url": longest["url"],
        "longest_limit_s": longest["limit_s"],
        "longest_record": longest["record"],
        "longest_host": longest["host"],
        "budget_s": _BUDGET_S if longest["accumulative"] else None,
    }


def _of_failed(failed: list[dict[str, Any]]) -> Facts:
    if not failed:
        return {"failed": 0}
    ((code, count), *others) = Counter(wait["result"] for wait in failed).most_common()
    first = next(wait for wait in failed if wait["result"] == code)
    clear = not others or others[0][1] < count
    return {
        "failed": len(failed),
        "ending": code if clear else "",
        "most": "all of them" if count == len(failed) else f"{count} of them",
        "failed_records": [wait["record"] for wait in failed if wait["result"] == code] if clear else [],
        "ending_record": first["record"],
        "ending_host": first["host"],
    }


def _of_served(waits: list[dict[str, Any]], failed: list[dict[str, Any]]) -> Facts:
    """What was fetched for another account than the one for which most failed, on the same computer."""
    if not failed:
        return {}
    ((host, sid), _), *_others = Counter((wait["host"], wait["user_sid"]) for wait in failed).most_common()
    served = [one for one in waits if one["host"] == host and one["user_sid"] != sid and one["result"] == GOOD]
    if not served:
        return {}
    first = {"served_record": served[0]["record"], "served_sid": served[0]["user_sid"], "failed_sid": sid}
    return {**first, "served_records": [one["record"] for one in served]}


def _of_startup(truth: Truth) -> Facts:
    """The start-up that waited longest."""
    if not truth["startups"]:
        return {"in_log": True}
    worst = max(truth["startups"], key=lambda one: (one["waiting_s"], one["wall_s"]))
    wall, waiting, whole = worst["wall_s"], worst["waiting_s"], worst["in_log"]
    mine = [one for one in truth["waits"] if (one["host"], one["pid"]) == (worst["host"], worst["pid"])]
    columns = truth["operations"]["columns"]
    rows = (dict(zip(columns, row, strict=True)) for row in truth["operations"]["rows"])
    inside = [one for one in rows if (one["host"], one["pid"]) == (worst["host"], worst["pid"])]
    inside = [one for one in inside if worst["start"] <= one["start"] and one["stop"] <= worst["stop"]]
    names = Counter(one["operation"] for one in inside)
    started = [one for one in mine if worst["start"] <= one["start"] <= worst["stop"]]
    return {
        "startups": True,
        "in_log": whole,
        "waiting": whole and waiting >= _LONG_S and all(_recoverable(truth, one) for one in started),
        "process": worst["process"],
        "pid": worst["pid"],
        "wall_s": wall,
        "waiting_s": waiting,
        "waiting_ms": 1000 * waiting,
        "waiting_sum_s": sum(one["wait_s"] for one in started),
        "rest_s": wall - waiting,
        "startup_waits": worst["waits"],
        "targets": worst["targets"] if whole else 0,
        "trusts": names["VerifyTrust"],
        "trust_records": 2 * names["VerifyTrust"],
        "chains": names["BuildChain"],
        "cost": _cost(waiting) if whole else "unknown",
        "cost_why": f"{waiting:.2f} s of its {wall:.2f} s, in {worst['waits']} retrievals"
        if whole
        else "Records of that start are not in the file: overwritten, or left out of the export. What is there is no sum of what was",
    }


def _cost(seconds: float) -> str:
    """The bucket of a length of time; empty if it is near the end of one."""
    near = any(abs(seconds - end) < _NEAR * end for end, _ in _BUCKETS[:-1])
    return "" if near else next(name for end, name in _BUCKETS if seconds < end)


def _of_refusals(truth: Truth) -> Facts:
    """The first verdict that refused something, and what it was about."""
    refusals = [one for one in truth["refusals"] if one["record"] is not None]
    if not refusals:
        return {}
    first = refusals[0]
    alike = [one for one in refusals if (one["process"], one["result"]) == (first["process"], first["result"])]
    codes = list(dict.fromkeys(one["result"] for one in refusals if one["process"] == first["process"]))
    return {
        "refusals": True,
        "refused": first["result"],
        "refused_codes": codes,
        "refused_later": codes[1] if len(codes) > 1 else "",
        "refused_process": first["process"],
        "refused_times": _times(sum(one["times"] for one in alike)),
        "refused_record": first["record"],
        "refused_host": first["host"],
        "refused_subject": first["subject"],
        "refused_subjects": _names(one["subject"] for one in refusals),
        "refused_file": (first["target"] or "").rsplit("\\")[-1],
        "refused_files": _names((one["target"] or "").rsplit("\\")[-1] for one in refusals),
        "offline_code": "" if _OFFLINE in codes else _OFFLINE,
        "revoked_in_chain": _REVOKED if first["result"] == _FILE_REVOKED else "",
    }


def _names(found: Iterable[str | None]) -> list[str]:
    return sorted({one for one in found if one})


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _of_keys(truth: Truth) -> Facts:
    """The program that acquired keys of the most certificates."""
    if not truth["keys"]:
        return {}
    subjects: dict[str, set[str]] = {}
    for one in truth["keys"]:
        subjects.setdefault(one["process"], set()).add(one["subject"])
    process = max(subjects, key=lambda name: len(subjects[name]))
    first = next(one for one in truth["keys"] if one["process"] == process)
    return {
        "keys": True,
        "key_process": process,
        "key_subjects": len(subjects[process]),
        "key_account": first["user_sid"],
        "key_sid": first["user_sid"],
        "key_record": first["record"],
    }


def _of_messages(truth: Truth) -> Facts:
    """The first record that stands beside the CAPI2 log, and the code in its text."""
    if not truth["messages"]:
        return {}
    first = truth["messages"][0]
    shown = [code for text in first["texts"] for code in _CODE.findall(text)]
    facts: Facts = {
        "messages": True,
        "message_event": first["event"],
        "message_events": sorted({one["event"] for one in truth["messages"]}),
        "message_channel": first["channel"],
        "message_host": first["host"],
    }
    if shown:
        code = normal_code(int(shown[0], 0) & 0xFFFFFFFF)
        facts |= {"message_code": f"{code:08X}", "message_shown": shown[0]}
    return facts
