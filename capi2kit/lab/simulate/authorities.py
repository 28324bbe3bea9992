"""Authorities: the certificates of a scenario's signers, and the lists that say whether they are revoked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Scenario, Signer, callers
from capi2kit.lab.simulate.randomness import digest

DAY = 86_400 * SECOND
_VALID = 92 * DAY  # how long a list is good for
_OVERLAP = DAY // 2  # a new one is published that long before


class Digest(NamedTuple):
    """A signature algorithm."""

    name: str
    oid: str


_DIGESTS = {"SHA1": Digest("SHA1", "1.2.840.113549.1.1.5"), "SHA256": Digest("SHA256", "1.2.840.113549.1.1.11")}
_CODE_SIGNING = ("1.3.6.1.5.5.7.3.3", "Code Signing")
_TIME_STAMPING = ("1.3.6.1.5.5.7.3.8", "Time Stamping")
_SERVER = ("1.3.6.1.5.5.7.3.1", "Server Authentication")
_CLIENT = ("1.3.6.1.5.5.7.3.2", "Client Authentication")
_CARD = ("1.3.6.1.4.1.311.20.2.2", "Smart Card Logon")
USAGES = {
    "code": (_CODE_SIGNING,),
    "time": (_TIME_STAMPING,),
    "server": (_SERVER,),
    "client": (_CLIENT,),
    "card": (_CARD, _CLIENT),
    "any": (),
}


@dataclass(frozen=True)
class Certificate:
    """A certificate that is only mentioned. `issuer` is None for a root; `lists` are the places to ask, in order."""

    name: str
    organization: str
    issuer: Certificate | None
    not_before: int
    not_after: int
    signed_by: Digest
    is_ca: bool = True
    bits: int = 2048
    unit: str = ""
    domain: tuple[str, ...] = ()
    usage: tuple[tuple[str, str], ...] = ()
    revoked: bool = False
    trusted: bool = True
    lists: tuple[Source, ...] = field(default=(), repr=False)
    signs_lists: bool = True  # its key usage allows it to sign CRLs

    @property
    def thumbprint(self) -> str:
        """The SHA-1 of the certificate."""
        return digest(f"certificate {self.name} of {self.issuer.name if self.issuer else 'itself'}")

    @property
    def key_id(self) -> str:
        """Its subject key identifier."""
        return digest(f"key {self.name}")

    @property
    def serial(self) -> str:
        """Its serial number."""
        return digest(f"serial {self.name}")[:20]

    @property
    def match(self) -> int:
        """InfoStatus: how its issuer was found. 0x10C for a root, 0x102 for the rest, as in the real log."""
        return 0x10C if self.issuer is None else 0x102


@dataclass(frozen=True)
class Source:
    """What can be fetched: a revocation list, an OCSP response, a certificate, or the list of roots. `bytes`: its size if known."""

    kind: str  # crl, ocsp, certificate, ctl
    url: str
    issuer: Certificate
    subject: Certificate | None = None
    holds: Certificate | None = None
    this_update: int = 0
    next_update: int = 0
    number: int = 1
    bytes: int = 0
    says_next: bool = True

    @property
    def thumbprint(self) -> str:
        """The SHA-1 of the object."""
        return digest(f"{self.kind} {self.url} {self.number}")

    @property
    def scheme(self) -> str:
        """How its URL begins."""
        return self.url.partition(":")[0]

    @property
    def etag(self) -> str:
        """The tag by which a server tells whether it changed."""
        return f"{digest(self.thumbprint)[:15].lower()}:0"

    @property
    def next_publish(self) -> int:
        """When the next issue is due."""
        return self.next_update - _OVERLAP

    @property
    def object_type(self) -> str:
        """How a retrieval names what it asks for."""
        return _OBJECTS[self.kind][0]

    @property
    def object_code(self) -> int:
        """The number of that name."""
        return _OBJECTS[self.kind][1]

    @property
    def flags(self) -> int:
        """The flags of its retrieval."""
        return _OBJECTS[self.kind][2]

    @property
    def prefetch_type(self) -> str:
        """How the disk cache names it."""
        return _OBJECTS[self.kind][3]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.bytes or 400 + int(self.thumbprint[:4], 16) % 9000


# kind → Object type and constant, retrieval flags, pre-fetch type. CRL: real log; the rest: header names, own knowledge
_OBJECTS = {
    "crl": ("CONTEXT_OID_CRL", 2, 0x202005, "CRYPTNET_URL_CACHE_PRE_FETCH_CRL"),
    "ocsp": ("CONTEXT_OID_OCSP_RESP", 6, 0x202005, "CRYPTNET_URL_CACHE_PRE_FETCH_OCSP"),
    "certificate": ("CONTEXT_OID_CERTIFICATE", 1, 0x282005, "CRYPTNET_URL_CACHE_PRE_FETCH_BLOB"),
    "ctl": ("CONTEXT_OID_CTL", 3, 0x206005, "CRYPTNET_URL_CACHE_PRE_FETCH_AUTOROOT_CAB"),
}


class Signed(NamedTuple):
    """A signature as a check meets it: chain (leaf first), its time stamp's chain, and when it was made."""

    signer: Signer
    chain: tuple[Certificate, ...]
    issuer_at: Source | None  # where the missing intermediate is
    signed_at: int


def build_authorities(scenario: Scenario, now: int) -> dict[str, Signed]:
    """The signatures of a scenario's signers, by id. `now` is the beginning of the story."""
    stamps = {signer.timestamp for signer in scenario.signer}
    usages = {signer.id: "time" if signer.id in stamps else "code" for signer in scenario.signer}
    for process in scenario.process:
        for work in process.work:
            usages |= dict.fromkeys(work.signers, "server") if work.server_name else {}
            wanted = callers()[work.caller].usage if work.caller in callers() else ""
            usages |= dict.fromkeys(work.signers, wanted) if wanted else {}
    return {signer.id: _sign(signer, now, usage=USAGES[usages[signer.id]]) for signer in scenario.signer}


def _sign(signer: Signer, now: int, *, usage: tuple[tuple[str, str], ...]) -> Signed:
    by = _DIGESTS[signer.digest]
    signed_at = now - 200 * DAY - now % DAY + int(digest(signer.id)[:4], 16) % 86_400 * SECOND
    leaf = Certificate(
        signer.subject, "", None, now - 500 * DAY, now + 400 * DAY, by, False, usage=usage, trusted=signer.trusted
    )
    if signer.self_signed:
        return Signed(signer, (leaf,), None, signed_at)
    domain = tuple(signer.host.split(".")[-2:])
    root = Certificate(
        signer.root, "", None, now - 4000 * DAY, now + 4000 * DAY, by, bits=4096, domain=domain, trusted=signer.trusted
    )
    organization = f"{domain[0].capitalize()} Ltd."
    signs = signer.flaw != "no-crl-sign"
    ca = Certificate(signer.ca, organization, root, now - 2000 * DAY, now + 2000 * DAY, by, signs_lists=signs)
    leaf = replace(leaf, organization=organization, issuer=ca, revoked=signer.revoked, unit="Release")
    issuer_at = None
    if signer.intermediate_missing:
        issuer_at = Source("certificate", f"http://{signer.host}/pki/{_slug(signer.ca)}.crt", root, holds=ca)
    if signer.revocation != "none":
        ca = replace(ca, lists=_lists(signer, root, now=now))
        lists = _lists(signer, ca, now=now)
        if signer.revocation == "ocsp":
            lists = (_response(signer.host, leaf, now=now), *lists)
        leaf = replace(leaf, issuer=ca, lists=lists)
    return Signed(signer, (leaf, ca, root), issuer_at, signed_at)


def _lists(signer: Signer, issuer: Certificate, *, now: int) -> tuple[Source, ...]:
    """An issuer's list, once for each server that has it."""
    return tuple(_list(signer, issuer, host=host, now=now) for host in (signer.host, signer.mirror) if host)


def _list(signer: Signer, issuer: Certificate, *, host: str, now: int) -> Source:
    url = f"http://{host}/pki/{_slug(issuer.name)}.crl"
    if signer.scheme == "ldap":
        domain = ",".join(f"DC={part}" for part in signer.host.split(".")[-2:])
        url = f"ldap:///CN={_slug(issuer.name)},CN=CDP,CN=Public%20Key%20Services,CN=Services,CN=Configuration,{domain}"
        url += "?certificateRevocationList?base?objectClass=cRLDistributionPoint"
    made = Source("crl", url, issuer, bytes=signer.list_bytes, says_next=signer.says_next)
    return _issued(made, issuer.name, now=now)


def _response(host: str, subject: Certificate, *, now: int) -> Source:
    issuer = subject.issuer
    assert issuer is not None
    return _issued(Source("ocsp", f"http://ocsp.{host}/ocsp", issuer, subject), subject.name, now=now)


def _issued(source: Source, name: str, *, now: int) -> Source:
    """The source with an age and a number that follow from a name."""
    age = (5 + int(digest(name)[:2], 16) % 60) * DAY
    this_update = now - now % SECOND - age
    number = 0x20 + int(digest(name)[2:4], 16) % 60
    return replace(source, this_update=this_update, next_update=this_update + _VALID, number=number)


def outdated(source: Source, now: int) -> Source:
    """An earlier issue of the same list, whose time is over."""
    this_update = now - now % SECOND - _VALID - 9 * DAY
    return replace(source, this_update=this_update, next_update=this_update + _VALID, number=source.number - 1)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name)
