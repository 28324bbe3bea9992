"""Visits: the retrievals of a world that left a record, with what really was so: for `causes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Account
from capi2kit.lab.simulate.attempts import AT_LIMIT
from capi2kit.lab.simulate.world import Operation, World


class Visit(NamedTuple):
    """One retrieval that left a record."""

    account: Account
    sid: str
    host: str
    server: str
    kind: str
    answer: str
    late: bool  # the limit was reached
    later: int | None  # the result when its thread ended after that, if that left a record
    url: str
    ended: int
    seconds: float
    limit: float
    process: str
    pid: int
    accumulative: bool
    replaces: bool

    @property
    def came(self) -> bool:
        """Whether something came."""
        return self.answer in ("ok", "expired", "dead-first") and not self.late

    @property
    def proxied(self) -> bool:
        """Whether its account has a proxy."""
        return ":" in self.account.proxy

    @property
    def searches(self) -> bool:
        """Whether its account looks for a proxy in vain."""
        return self.account.proxy == "wpad"


Visits = list[Visit]


def visits_of(world: World, kept: dict[str, set[int]]) -> Iterator[Visit]:
    """All of them, in the order in which they began. `kept`: the records in each computer's file."""
    accounts = {one.id: one for one in world.scenario.account}
    for one in world.operations:
        if "answer" in one.facts and one.record in kept[one.host]:
            said = one.facts
            yield Visit(
                account=accounts[str(said["account"])],
                sid=str(said["sid"]),
                host=one.host,
                server=urlsplit(str(said["url"])).hostname or "",
                kind=str(said["kind"]),
                answer=str(said["answer"]),
                late=said["result"] in AT_LIMIT,
                later=_later(world, one, kept=kept),
                url=str(said["url"]),
                ended=int(str(said["ended"])),
                seconds=(int(str(said["ended"])) - one.start) / SECOND,
                limit=int(str(said["limit"])) / SECOND,
                process=one.process,
                pid=one.pid,
                accumulative=bool(said["accumulative"]),
                replaces=bool(said["replaces"]),
            )


def _later(world: World, wait: Operation, *, kept: dict[str, set[int]]) -> int | None:
    """How a retrieval ended after its caller had given up, if that left a record."""
    own = ("host", "pid")
    for one in world.operations:
        if (
            one.facts.get("was") == "background"
            and all(getattr(one, name) == getattr(wait, name) for name in own)
            and one.facts["url"] == wait.facts["url"]
            and one.start <= int(str(wait.facts["ended"])) <= (one.stop or 0)
            and one.record in kept[one.host]
        ):
            return int(str(one.facts["result"]))
    return None
