"""The state of a chain while it is built: its certificates, how their checks ended, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from capi2kit.lab.scenario import Caller
from capi2kit.lab.simulate.authorities import Certificate, Signed, Source

REVOKED, NO_CHECK, OFFLINE, UNKNOWN = 0x80092010, 0x80092012, 0x80092013, 0x80092014
UNTRUSTED, PARTIAL = 0x800B0109, 0x800B010A
ERRORS = {REVOKED: 0x4, NO_CHECK: 0x40, OFFLINE: 0x1000040, UNKNOWN: 0x40, UNTRUSTED: 0x20, PARTIAL: 0x10000}
# what is wrong with a certificate, apart from revocation: result and error bit, by winerror.h and wincrypt.h
FLAWS = {
    "expired": (0x800B0101, 0x1),
    "wrong-usage": (0x800B0110, 0x10),
    "bad-signature": (0x80096004, 0x8),
    "distrusted": (0x800B0111, 0x4000000),
    "no-issuer": (PARTIAL, 0x10000),
    "unknown-status": (UNKNOWN, 0x40),
}
AFTER_THE_CHECK = (
    "",
    "unknown-status",
    "no-crl-sign",
    "list-judged",
)  # flaws that show only when revocation is checked
JUDGED_BY_LIST = {True: 0x10, False: 0x20}  # InfoStatus: of a CA, of the end certificate
_WORST_FIRST = (
    PARTIAL,
    UNTRUSTED,
    REVOKED,
    *(code for code, _ in FLAWS.values()),
    OFFLINE,
)  # a chain without a source of revocation still succeeds


class Check(NamedTuple):
    """How the revocation check of one certificate ended, and by which list."""

    result: int
    source: Source | None = None
    location: str = ""
    freshness: int | None = None


@dataclass
class Chain:
    """A chain while it is built. `clock` is the system time when it began."""

    signed: Signed
    asked: Caller
    clock: int
    reference: str
    elements: tuple[Certificate, ...] = ()
    checks: dict[str, Check] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    troubles: set[int] = field(default_factory=set)

    @property
    def result(self) -> int:
        """The worst of its troubles. For most callers a chain without a source of revocation still succeeds."""
        worst = next((code for code in _WORST_FIRST if code in self.troubles), 0)
        return worst or (NO_CHECK if self.asked.strict and NO_CHECK in self.troubles else 0)

    @property
    def freshness(self) -> int | None:
        """The age of the oldest list used."""
        return max((one.freshness for one in self.checks.values() if one.freshness is not None), default=None)
