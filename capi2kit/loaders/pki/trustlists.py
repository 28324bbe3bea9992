"""Trust lists: a PKCS #7 file or a bare list in DER → its row of `trust_lists`, and what else is in it.

A list is signed when its PKCS #7 names a signer. The signature is good when the digest of the list is the
one that was signed, and the signature fits the signer's certificate, which must be in the file. Who issued
that certificate, and whether it is valid, is not asked here: `listverdicts` does.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any, ClassVar, NamedTuple

from capi2kit.loaders.pki import der
from capi2kit.loaders.pki.certificates import Row, certificate_row, hexadecimal, is_absent, package, sha1, time_text
from capi2kit.loaders.pki.signatures import Verdict, check_signature

KINDS = {
    "entries": "int",
    "signed": "bool",
    "signature_good": "bool",
    **dict.fromkeys(("this_update", "next_update", "signer_not_before", "signer_not_after", "signed_at"), "time"),
}
_USAGES = {  # wincrypt.h: ROOT_LIST_SIGNER, DISALLOWED_LIST, PIN_RULES_SIGNER, PIN_RULES_CTL
    "1.3.6.1.4.1.311.10.3.9": "roots",
    "1.3.6.1.4.1.311.10.3.30": "disallowed",
    "1.3.6.1.4.1.311.10.3.31": "pin rules",
    "1.3.6.1.4.1.311.10.3.32": "pin rules",
}
_PROPERTIES = {  # wincrypt.h: CERT_…_PROP_ID, under 1.3.6.1.4.1.311.10.11
    "9": "usages",
    "104": "disallowed filetime",
    "105": "root program policies",
    "122": "disallowed usages",
    "126": "not before filetime",
    "127": "not before usages",
    "128": "disallowed CA filetime",
}
_PROPERTY = "1.3.6.1.4.1.311.10.11."


class Signed(NamedTuple):
    """The parts of a PKCS #7 signedData: type and element of what was signed, and DER of what came with it."""

    content_type: str
    content: der.Element | None
    certificates: list[bytes]
    crls: list[bytes]
    signers: list[bytes]


def open_signed(data: bytes) -> Signed:
    """The parts of a signedData; signers may be missing altogether. Raises ValueError if it is not one."""
    top = list(der.children(data, der.element(data)))
    inner = der.element(data, top[1].start, until=top[1].stop)
    parts = list(der.children(data, inner))
    if [part.tag for part in parts[:3]] != [der.INTEGER, der.SET, der.SEQUENCE]:
        raise ValueError("its PKCS #7 has no version, digests and content")
    signed = list(der.children(data, parts[2]))
    content = None
    if len(signed) > 1:
        content = der.element(data, signed[1].start, until=signed[1].stop)
    held: dict[int, list[bytes]] = {der.FIRST: [], der.FIRST + 1: [], der.SET: []}
    for part in parts[3:]:
        if part.tag in held:
            held[part.tag] += [der.whole(data, child) for child in der.children(data, part)]
    return Signed(der.object_id(data, signed[0]), content, *held.values())


def list_row(data: bytes, signed: Signed | None) -> tuple[Row, Verdict]:
    """The list of a signedData, or a bare one, as a row; and what its signature is worth.

    Raises one of BROKEN if there is no list. A list is identified by the SHA-1 of its file.
    """
    found = der.element(data) if signed is None else signed.content
    if found is None:
        raise ValueError("its PKCS #7 holds no list")
    row = {"thumbprint": sha1(data), "signed": "false"} | _list_of(der.whole(data, found))
    if signed is None or not signed.signers:
        return row, Verdict(None, "", None)
    verdict = check_signature(signed.signers, content=der.content(data, found), certificates=signed.certificates,
                              content_type=signed.content_type)  # fmt: skip
    row |= {"signed": "true", "signed_at": verdict.signed_at}
    if verdict.good is not None:
        row["signature_good"] = str(verdict.good).lower()
    if verdict.certificate:
        row |= _signer_of(certificate_row(verdict.certificate))
    return row, verdict


def _signer_of(certificate: Row) -> Row:
    return {
        "signer": certificate["subject"],
        "signer_thumbprint": certificate["thumbprint"],
        "signer_issuer": certificate["issuer"],
        "signer_not_before": certificate["not_before"],
        "signer_not_after": certificate["not_after"],
    }


def _list_of(data: bytes) -> Row:
    """What the list itself says."""
    listed = _trust_list().load(data, strict=True)
    usages = [usage.dotted for usage in listed["subject_usage"]]
    more: dict[str, Any] = {"Usages": usages}
    row: Row = {"kind": _USAGES.get(usages[0], usages[0])}
    if not is_absent(listed["list_identifier"]):
        more["ListIdentifier"] = listed["list_identifier"].native.hex().upper()
    if not is_absent(listed["sequence_number"]):
        row["sequence"] = hexadecimal(listed["sequence_number"])
    row["this_update"] = time_text(listed["this_update"].native)
    if not is_absent(listed["next_update"]):
        row["next_update"] = time_text(listed["next_update"].native)
    more["SubjectAlgorithm"] = listed["subject_algorithm"]["algorithm"].dotted
    entries = [] if is_absent(listed["entries"]) else list(listed["entries"])
    more["Properties"] = _count_properties(entries)
    return row | {"entries": str(len(entries)), "extra": json.dumps(more, ensure_ascii=False)}


def _count_properties(entries: list[Any]) -> dict[str, int]:
    """How many entries have which property, by its name, or its object id."""
    found: Counter[str] = Counter()
    for entry in entries:
        if not is_absent(entry["properties"]):
            found.update({each["type"].dotted for each in entry["properties"]})
    named = {_PROPERTIES.get(kind.removeprefix(_PROPERTY), kind): count for kind, count in found.items()}
    return dict(sorted(named.items()))


@cache
def _trust_list() -> Any:
    """The ASN.1 of a trust list: CTL_INFO and CTL_ENTRY of wincrypt.h. Made when asked for: asn1crypto is an extra."""
    core: Any = package("asn1crypto.core")
    time: Any = package("asn1crypto.x509").Time
    optional = {"optional": True}

    class Property(core.Sequence):
        _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", core.Any)]

    class Properties(core.SetOf):
        _child_spec = Property

    class Entry(core.Sequence):
        _fields: ClassVar = [("subject_identifier", core.OctetString), ("properties", Properties, optional)]

    class Entries(core.SequenceOf):
        _child_spec = Entry

    class Usages(core.SequenceOf):
        _child_spec = core.ObjectIdentifier

    class Algorithm(core.Sequence):
        _fields: ClassVar = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, optional)]

    class TrustList(core.Sequence):
        _fields: ClassVar = [
            ("version", core.Integer, optional),
            ("subject_usage", Usages),
            ("list_identifier", core.OctetString, optional),
            ("sequence_number", core.Integer, optional),
            ("this_update", time),
            ("next_update", time, optional),
            ("subject_algorithm", Algorithm),
            ("entries", Entries, optional),
            ("extensions", core.Any, {"explicit": 0, "optional": True}),
        ]

    return TrustList
