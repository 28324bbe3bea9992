"""Signatures: whether the signer of a PKCS #7 signed what is in it, by its certificate there.

Only the mathematics: digest and signature. Nothing is said about the trust in the certificate.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from capi2kit.loaders.pki.certificates import BROKEN, is_absent, package, time_text

_DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512")


class Verdict(NamedTuple):
    """Whether a signature is good (None: not known), why not, when it says it was made, and the signer's certificate."""

    good: bool | None
    why: str
    signed_at: str | None
    certificate: bytes | None = None


class _BadSignatureError(Exception):
    """The signature is not good."""


class _UncheckedError(Exception):
    """It is not known whether the signature is good."""


def check_signature(signers: list[bytes], *, content: bytes, certificates: list[bytes], content_type: str) -> Verdict:
    """Check the first signer against the content's bytes (without tag and length).

    Raises one of BROKEN if the signer cannot be read.
    """
    signer = package("asn1crypto.cms").SignerInfo.load(signers[0], strict=True)
    certificate = _certificate_of(signer["sid"], certificates)
    signed_at = _signed_at(signer)
    if certificate is None:
        return Verdict(None, "the signer's certificate is not in the file", signed_at)
    try:
        _check_signer(signer, content=content, content_type=content_type, certificate=certificate)
    except _BadSignatureError as err:
        return Verdict(False, str(err), signed_at, certificate)
    except _UncheckedError as err:
        return Verdict(None, str(err), signed_at, certificate)
    return Verdict(True, "", signed_at, certificate)


def _certificate_of(sid: Any, certificates: list[bytes]) -> bytes | None:
    """The certificate that the signer names by issuer and serial number, or by key id."""
    for data in certificates:
        try:
            certificate = package("asn1crypto.x509").Certificate.load(data)
            if sid.name == "issuer_and_serial_number":
                wanted = (sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native)
                found = (certificate.issuer.dump(), certificate.serial_number)
            else:
                wanted, found = sid.chosen.native, certificate.key_identifier
        except BROKEN:
            continue
        if found == wanted:
            return data
    return None


def _attributes(signer: Any) -> dict[str, Any]:
    if is_absent(signer["signed_attrs"]):
        return {}
    return {attribute["type"].native: attribute["values"][0] for attribute in signer["signed_attrs"]}


def _signed_at(signer: Any) -> str | None:
    try:
        found = _attributes(signer).get("signing_time")
        return None if found is None else time_text(found.native)
    except BROKEN:
        return None


def _check_signer(signer: Any, *, content: bytes, content_type: str, certificate: bytes) -> None:
    """Raises _BadSignatureError or _UncheckedError if the signature is not good."""
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in _DIGESTS:
        raise _UncheckedError(f"digest algorithm {digest} is not supported")
    attributes = _attributes(signer)
    if attributes:
        made = hashlib.new(digest, content, usedforsecurity=False).digest()
        if "message_digest" not in attributes or attributes["message_digest"].native != made:
            raise _BadSignatureError("the digest that was signed is not that of the content")
        if "content_type" not in attributes or attributes["content_type"].dotted != content_type:
            raise _BadSignatureError("the type that was signed is not that of the content")
        content = b"\x31" + signer["signed_attrs"].dump()[1:]  # signed as a SET, stored under a tag of its own
    _verify(signer, content=content, digest=digest, certificate=certificate)


def _verify(signer: Any, *, content: bytes, digest: str, certificate: bytes) -> None:
    exceptions = package("cryptography.exceptions")
    hashes = package("cryptography.hazmat.primitives.hashes")
    padding = package("cryptography.hazmat.primitives.asymmetric.padding")
    known = package("asn1crypto.x509").Certificate.load(certificate)
    algorithm = signer["signature_algorithm"]
    if algorithm["algorithm"].native.endswith(("_rsa", "_ecdsa", "_dsa")):
        digest = algorithm.hash_algo
    made = getattr(hashes, digest.upper())()
    try:
        serialization = package("cryptography.hazmat.primitives.serialization")
        key = serialization.load_der_public_key(known.public_key.dump())
        scheme = algorithm.signature_algo
        if scheme == "rsassa_pkcs1v15":
            key.verify(signer["signature"].native, content, padding.PKCS1v15(), made)
        elif scheme == "rsassa_pss":
            salt = algorithm["parameters"]["salt_length"].native
            pss = padding.PSS(mgf=padding.MGF1(made), salt_length=salt)
            key.verify(signer["signature"].native, content, pss, made)
        elif scheme == "ecdsa":
            ec = package("cryptography.hazmat.primitives.asymmetric.ec")
            key.verify(signer["signature"].native, content, ec.ECDSA(made))
        else:
            raise _UncheckedError(f"signature algorithm {scheme} is not supported")
    except exceptions.InvalidSignature as err:
        raise _BadSignatureError("the signature does not fit the signer's certificate") from err
    except (exceptions.UnsupportedAlgorithm, *BROKEN) as err:
        raise _UncheckedError(f"its signature cannot be checked ({type(err).__name__}: {err})") from err
