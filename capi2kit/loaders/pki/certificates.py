"""Certificates: one X.509 certificate, CRL or OCSP response in DER → the texts of a row of `certificates`.

Names are written as Windows shows them in its log, so that both can be joined: the common name, or else the next
best part. The whole name is in `extra`. asn1crypto reads the objects, since it takes old ones as they are.
"""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from typing import Any

from capi2kit.errors import EvidenceError
from capi2kit.loaders.pki import der

Row = dict[str, str | None]
BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
KINDS = {
    "key_bits": "int",
    "is_ca": "bool",
    "key_usage": "hex",
    **dict.fromkeys(("not_before", "not_after", "this_update", "next_update", "next_publish", "produced_at"), "time"),
}
_NEXT_PUBLISH = "1.3.6.1.4.1.311.21.4"
_SHOWN = ("2.5.4.3", "2.5.4.11", "2.5.4.10", "1.2.840.113549.1.9.1")  # as CertGetNameString picks the simple name
_LABELS = {
    "2.5.4.3": "CN",
    "2.5.4.11": "OU",
    "2.5.4.10": "O",
    "2.5.4.7": "L",
    "2.5.4.8": "S",
    "2.5.4.6": "C",
    "2.5.4.5": "SERIALNUMBER",
    "1.2.840.113549.1.9.1": "E",
    "0.9.2342.19200300.100.1.25": "DC",
}
_USAGES = (  # names of wincrypt.h, from bit 0 on
    "CERT_DIGITAL_SIGNATURE_KEY_USAGE",
    "CERT_NON_REPUDIATION_KEY_USAGE",
    "CERT_KEY_ENCIPHERMENT_KEY_USAGE",
    "CERT_DATA_ENCIPHERMENT_KEY_USAGE",
    "CERT_KEY_AGREEMENT_KEY_USAGE",
    "CERT_KEY_CERT_SIGN_KEY_USAGE",
    "CERT_CRL_SIGN_KEY_USAGE",
    "CERT_ENCIPHER_ONLY_KEY_USAGE",
    "CERT_DECIPHER_ONLY_KEY_USAGE",
)
_KEYS = {"rsa": "RSA", "rsassa_pss": "RSA", "ec": "ECC", "dsa": "DSA"}


def package(name: str) -> Any:
    """A module of the extra `pki`. Raises EvidenceError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as err:
        message = f"reading trust lists and certificates needs the extra: pip install 'capi2kit[pki]' ({err})"
        raise EvidenceError(message) from err


def sha1(data: bytes) -> str:
    """The thumbprint of an object, as the log writes it."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()


def name_parts(name: Any) -> list[tuple[str, str]]:
    """The attributes of a name: object id and text, the most specific one first."""
    parts = [(attribute["type"].dotted, _text(attribute["value"])) for rdn in name.chosen for attribute in rdn]
    return parts[::-1]


def _text(value: Any) -> str:
    native = value.native
    return native if isinstance(native, str) else value.dump().hex()


def shown(parts: list[tuple[str, str]]) -> str | None:
    """The name as Windows shows it: common name, unit, organisation or mail address, else any part; None if it is empty."""
    for wanted in _SHOWN:
        for kind, text in parts:
            if kind == wanted and text:
                return text
    return parts[0][1] if parts else None


def full(parts: list[tuple[str, str]]) -> str:
    """The whole name: ``CN=Contoso Root, O=Contoso``."""
    return ", ".join(f"{_LABELS.get(kind, kind)}={text}" for kind, text in parts)


def time_text(moment: Any) -> str | None:
    """A time as ISO 8601 text; None for one that is not there."""
    return None if moment is None else str(moment.isoformat())


def is_absent(value: Any) -> bool:
    """Whether an optional part is not there."""
    return isinstance(value, package("asn1crypto.core").Void)


def hexadecimal(number: Any) -> str:
    """An integer as its octets, as Windows writes serial numbers."""
    return str(number.contents.hex().upper())


def certificate_row(data: bytes) -> Row:
    """A certificate. Raises one of BROKEN if the bytes are not one."""
    certificate = package("asn1crypto.x509").Certificate.load(data, strict=True)
    inner = certificate["tbs_certificate"]
    subject, issuer = name_parts(inner["subject"]), name_parts(inner["issuer"])
    before, after = (time_text(inner["validity"][end].native) for end in ("not_before", "not_after"))
    row: Row = {
        "kind": "certificate",
        "thumbprint": sha1(data),
        "subject": shown(subject),
        "issuer": shown(issuer),
        "serial": hexadecimal(inner["serial_number"]),
        "not_before": before,
        "not_after": after,
        **_signature(certificate["signature_algorithm"]),
        **_key(data),
    }
    more: dict[str, Any] = {"Subject": full(subject), "Issuer": full(issuer)}
    if after and after[:4] > "2261":
        more["NotAfter"] = after  # beyond what a time of 64 bits holds
    _add_extensions(inner["extensions"], row=row, more=more)
    return row | {"extra": _json(more)}


def _signature(algorithm: Any) -> Row:
    row: Row = {"signature_oid": algorithm["algorithm"].dotted}
    try:
        return row | {
            "signature_hash": algorithm.hash_algo.upper(),
            "signature_key": {"rsassa_pkcs1v15": "RSA", "rsassa_pss": "RSA", "ecdsa": "ECDSA", "dsa": "DSA"}.get(
                algorithm.signature_algo, algorithm.signature_algo
            ),
        }
    except BROKEN:
        return row  # an algorithm without a name here


def _key(data: bytes) -> Row:
    """The public key of a certificate; of a kind that is not known here only the object id."""
    inner = der.first_child(data, der.element(data))
    parts = [part for part in der.children(data, inner) if part.tag != der.FIRST]
    algorithm = der.first_child(data, parts[5])
    row: Row = {"key_oid": der.object_id(data, der.first_child(data, algorithm))}
    try:
        key = package("asn1crypto.keys").PublicKeyInfo.load(der.whole(data, parts[5]))
        row["key_name"] = _KEYS.get(key.algorithm, key.algorithm)
        if key.algorithm in _KEYS:
            row["key_bits"] = str(key.bit_size)
    except BROKEN:
        pass
    return row


def _add_extensions(extensions: Any, *, row: Row, more: dict[str, Any]) -> None:
    """What the extensions say, into columns and `more`; one that is broken is named in `more`."""
    for extension in () if is_absent(extensions) else extensions:
        kind = extension["extn_id"].dotted
        try:
            _add_extension(kind, extension["extn_value"], row=row, more=more)
        except BROKEN:
            more.setdefault("Broken", []).append(kind)


def _add_extension(kind: str, value: Any, *, row: Row, more: dict[str, Any]) -> None:
    parsed = value.parsed
    match kind:
        case "2.5.29.14":
            row["subject_key_id"] = parsed.native.hex().upper()
        case "2.5.29.35":
            key = parsed["key_identifier"].native
            row["authority_key_id"] = key.hex().upper() if key else None
        case "2.5.29.19":
            row["is_ca"] = str(bool(parsed["ca"].native)).lower()
        case "2.5.29.15":
            octets = parsed.contents[1:3]
            bits = "".join(f"{octet:08b}" for octet in octets)
            row["key_usage"] = f"{int.from_bytes(octets, 'little'):x}"
            row["key_usage_names"] = " ".join(name for name, bit in zip(_USAGES, bits, strict=False) if bit == "1")
        case "2.5.29.37":
            more["ExtendedKeyUsage"] = [usage.dotted for usage in parsed]
        case "2.5.29.20":
            row["crl_number"] = hexadecimal(parsed)
        case "2.5.29.27":
            more["DeltaCRLIndicator"] = hexadecimal(parsed)
        case _ if kind == _NEXT_PUBLISH:
            core = package("asn1crypto.core")
            choice = {der.UTC_TIME: core.UTCTime, der.TIME: core.GeneralizedTime}[value.contents[0]]
            row["next_publish"] = time_text(choice.load(value.contents).native)


def crl_row(data: bytes) -> Row:
    """A certificate revocation list. Raises one of BROKEN if the bytes are not one."""
    revocations = package("asn1crypto.crl").CertificateList.load(data, strict=True)
    inner = revocations["tbs_cert_list"]
    issuer = name_parts(inner["issuer"])
    revoked = inner["revoked_certificates"]
    count = 0
    if octets := b"" if is_absent(revoked) else revoked.contents:
        count = sum(1 for _ in der.children(octets, der.Element(0, 0, 0, len(octets), len(octets))))
    row: Row = {
        "kind": "crl",
        "thumbprint": sha1(data),
        "issuer": shown(issuer),
        "this_update": time_text(inner["this_update"].native),
        "next_update": time_text(inner["next_update"].native),
        **_signature(revocations["signature_algorithm"]),
    }
    more: dict[str, Any] = {"Issuer": full(issuer), "Revoked": count}
    _add_extensions(inner["crl_extensions"], row=row, more=more)
    return row | {"extra": _json(more)}


def ocsp_rows(data: bytes) -> tuple[Row, list[bytes]]:
    """An OCSP response, and the certificates in it. Raises one of BROKEN if the bytes are not one.

    The times are those of the first certificate that it answers for.
    """
    response = package("asn1crypto.ocsp").OCSPResponse.load(data, strict=True)
    row: Row = {"kind": "ocsp", "thumbprint": sha1(data)}
    more: dict[str, Any] = {"Status": response["response_status"].native}
    if is_absent(response["response_bytes"]):
        return row | {"extra": _json(more)}, []
    basic = response["response_bytes"]["response"].parsed
    answers = basic["tbs_response_data"]
    responder = answers["responder_id"]
    if responder.name == "by_name":
        parts = name_parts(responder.chosen)
        row["issuer"], more["Responder"] = shown(parts), full(parts)
    else:
        row["authority_key_id"] = responder.chosen.native.hex().upper()
    row |= {"produced_at": time_text(answers["produced_at"].native), **_signature(basic["signature_algorithm"])}
    more["Answers"] = len(answers["responses"])
    for answer in list(answers["responses"])[:1]:
        row["this_update"] = time_text(answer["this_update"].native)
        row["next_update"] = time_text(answer["next_update"].native)
        row["serial"] = hexadecimal(answer["cert_id"]["serial_number"])
        more["CertificateStatus"] = answer["cert_status"].name
    embedded = [] if is_absent(basic["certs"]) else [certificate.dump() for certificate in basic["certs"]]
    return row | {"extra": _json(more)}, embedded


def _json(more: dict[str, Any]) -> str:
    return json.dumps(more, ensure_ascii=False)
