"""Make the invented trust lists of datasets/lists: python tests/make_lists.py FOLDER

Two lists of roots as cabinets, as Windows downloads them; one list that nobody signed; the certificates above
the signers; a CRL; and what certutil prints of two accounts' caches. All keys are random and are thrown away,
so the bytes differ each time: the story, the names and the dates stay. Needs the extra `pki`.

The story: in January 2011 Contoso publishes a list whose signer is valid for six more days, and leaves the
signer's issuer out of the file. In March it corrects both. README.md there tells it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
from pathlib import Path
from typing import ClassVar, NamedTuple

from asn1crypto import algos, cms, core
from cabarchive import CabArchive, CabFile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

OLD, NEW, BARE = "authrootstl-2011-01.cab", "authrootstl-2011-03.cab", "tailspin-unsigned.stl"
ROOT, PCA, CRL = "ContosoRootAuthority.cer", "ContosoTrustListPCA.cer", "ContosoTrustListPCA.crl"
CACHE = "urlcache.txt"
URL = "http://ctldl.windowsupdate.example/msdownload/update/v3/static/trustedr/en/authrootstl.cab"
AIA = "http://www.contoso.example/pki/ContosoTrustListPCA.cer"
ROOTS = [
    f"{owner} {purpose}"
    for owner in ("Contoso", "Fabrikam", "Tailspin", "Northwind")
    for purpose in ("Server Root", "Mail Root", "Code Root")
]
TRUST_LIST = "1.3.6.1.4.1.311.10.1"  # these four: wincrypt.h
ROOT_LIST_SIGNER, DISALLOWED_LIST = "1.3.6.1.4.1.311.10.3.9", "1.3.6.1.4.1.311.10.3.30"
FRIENDLY_NAME = "1.3.6.1.4.1.311.10.11.11"
PROFILES = {"old": r"C:\Windows\System32\config\systemprofile", "new": r"C:\Users\anna"}


class Identity(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


class Property(core.Sequence):
    """A property of an entry: which, and its value."""

    _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.OctetString})]


class Properties(core.SetOf):
    """The properties of an entry."""

    _child_spec = Property


class Entry(core.Sequence):
    """A certificate of a list, by its SHA-1."""

    _fields: ClassVar = [("subject_identifier", core.OctetString), ("attributes", Properties)]


class Entries(core.SequenceOf):
    """All certificates of a list."""

    _child_spec = Entry


class Usages(core.SequenceOf):
    """What a list is for."""

    _child_spec = core.ObjectIdentifier


class TrustList(core.Sequence):
    """A certificate trust list, as wincrypt.h calls it: CTL_INFO."""

    _fields: ClassVar = [
        ("subject_usage", Usages),
        ("sequence_number", core.Integer),
        ("this_update", core.UTCTime),
        ("next_update", core.UTCTime, {"optional": True}),
        ("subject_algorithm", algos.DigestAlgorithm),
        ("entries", Entries),
    ]


def day(text: str) -> dt.datetime:
    """A moment in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def identity(name: str, *, start: str, stop: str, issuer: Identity | None = None, ca: bool = True) -> Identity:
    """A certificate with a new key; without an issuer a root."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name.partition(" ")[0]),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    above = issuer or Identity(None, key)  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day(start))
        .not_valid_after(day(stop))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
    )
    if not ca:
        place = x509.AccessDescription(
            x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(AIA)
        )
        usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(ROOT_LIST_SIGNER)])
        builder = builder.add_extension(usage, critical=False)
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    return Identity(builder.sign(above.key, hashes.SHA256()), key)


def sequence_of(moment: dt.datetime) -> int:
    """A sequence number that grows with time, of the length that real lists have: 14, then a FILETIME."""
    ticks = (moment - dt.datetime(1601, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 10
    return int.from_bytes(b"\x14" + ticks.to_bytes(8, "big"), "big")


def entry(name: str) -> Entry:
    """An entry of a list: the SHA-1 of a root made for it, and the root's name."""
    root = identity(name, start="2000-01-01", stop="2025-01-01").certificate
    friendly = {"type": FRIENDLY_NAME, "values": [core.OctetString(f"{name}\0".encode("utf-16-le"))]}
    return Entry(
        {
            "subject_identifier": root.fingerprint(hashes.SHA1()),
            "attributes": Properties([friendly]),
        }
    )


def trust_list(entries: list[Entry], *, start: str, stop: str | None, usage: str = ROOT_LIST_SIGNER) -> TrustList:
    """A list of these entries, good from one day until a next one is due."""
    parts = {
        "subject_usage": Usages([usage]),
        "sequence_number": sequence_of(day(start)),
        "this_update": day(start),
        "subject_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
        "entries": Entries(entries),
    }
    return TrustList(parts | ({"next_update": day(stop)} if stop else {}))


def sign(content: TrustList, *, signer: Identity, also: list[Identity]) -> bytes:
    """The list in a PKCS #7 with its signer's certificate, and those of `also`."""
    signed_at = content["this_update"].native
    content.dump()
    digest = hashlib.sha256(content.contents).digest()  # what is signed is the list without tag and length
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [TRUST_LIST]},
            {"type": "signing_time", "values": [cms.Time({"utc_time": signed_at})]},
            {"type": "message_digest", "values": [digest]},
        ]
    )
    certificate = signer.certificate
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": {
                    "issuer": cms.Name.load(certificate.issuer.public_bytes()),
                    "serial_number": certificate.serial_number,
                }
            }
        ),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signature": signer.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256()),
    }
    held = [cms.CertificateChoices.load(each.certificate.public_bytes(Encoding.DER)) for each in (signer, *also)]
    signed = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": TRUST_LIST, "content": content.retag({"explicit": 0})},
        "certificates": held,
        "signer_infos": [info],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)}).dump()


def cabinet(data: bytes, *, made: str) -> bytes:
    """The list in a cabinet, under the name that Windows looks for."""
    archive = CabArchive()
    archive["authroot.stl"] = CabFile(buf=data, mtime=day(made).replace(tzinfo=None))
    return archive.save(compress=False)


def crl(issuer: Identity, *, revoked: Identity) -> bytes:
    """A CRL of March 2011 that revokes one certificate."""
    gone = x509.RevokedCertificateBuilder(revoked.certificate.serial_number, day("2011-03-02T18:00:00"))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(day("2011-03-02T18:30:00"))
        .next_update(day("2011-06-02T18:30:00"))
        .add_revoked_certificate(gone.build())
        .add_extension(x509.CRLNumber(7), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def cache_text(sizes: dict[str, int]) -> str:
    """What `certutil -urlcache -v authrootstl.cab` would print of two accounts, one after the other."""
    name = hashlib.md5(URL.encode("utf-16-le")).hexdigest().upper()
    lines = []
    for age, synced in (("old", "2/21/2011 12:00 PM"), ("new", "3/3/2011 9:00 PM")):
        folder = PROFILES[age] + r"\AppData\LocalLow\Microsoft\CryptnetUrlCache"
        lines += [
            "WinHttp Cache entry: 52 Bytes",
            f'  Source Url Name: "{URL}"',
            rf'  Local File Name: "{folder}\Content\{name}"',
            rf'  Meta File Name: "{folder}\MetaData\{name}"',
            f"  File Size: {sizes[age]}",
            f"  Last Sync Time: {synced}",
            "",
            "WinHttp Cache entries: 1",
            "",
            "CertUtil: -URLCache command completed successfully.",
            "",
        ]
    return "\r\n".join(lines)


def make() -> dict[str, bytes]:
    """All files by name."""
    root = identity("Contoso Root Authority", start="2001-05-09", stop="2031-05-09")
    pca = identity("Contoso Trust List PCA", start="2009-04-02", stop="2019-04-02", issuer=root)
    publisher = "Contoso Trust List Publisher"
    old = identity(publisher, start="2010-10-01", stop="2011-01-31T23:59:59", issuer=pca, ca=False)
    new = identity(publisher, start="2011-02-01", stop="2012-05-01", issuer=pca, ca=False)
    entries = [entry(name) for name in ROOTS]
    january = trust_list(entries, start="2011-01-25T20:54:12", stop="2011-04-25T20:54:12")
    march = trust_list(
        [*entries, entry("Contoso Device Root")], start="2011-03-02T18:00:00", stop="2011-06-02T18:00:00"
    )
    bare = trust_list(entries[6:9], start="2011-02-01", stop=None, usage=DISALLOWED_LIST)
    files = {
        OLD: cabinet(sign(january, signer=old, also=[]), made="2011-01-25T20:54:12"),
        NEW: cabinet(sign(march, signer=new, also=[pca]), made="2011-03-02T18:00:00"),
        BARE: bare.dump(),
        ROOT: root.certificate.public_bytes(Encoding.DER),
        PCA: pca.certificate.public_bytes(Encoding.DER),
        CRL: crl(pca, revoked=old),
    }
    files[CACHE] = cache_text({"old": len(files[OLD]), "new": len(files[NEW])}).encode("ascii")
    return files


def main() -> None:
    """Write the files into the folder of the command line, and print their rows for a README."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("folder", type=Path, help="where to; files of the same names are replaced")
    folder = asked.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in make().items():
        (folder / name).write_bytes(data)
        print(f"| `{name}` | {len(data)} | `{hashlib.sha256(data).hexdigest()}` |")


if __name__ == "__main__":
    main()
