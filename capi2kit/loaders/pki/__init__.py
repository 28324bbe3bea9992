"""pki: trust lists, certificates, CRLs and OCSP responses that lie beside a log.

It reads authrootstl.cab and similar files, .stl, .sst, .p7b, .cer, .crt, .der, .pem and .crl, by what is in
them. Lists become rows of `trust_lists`, everything else, and the certificates inside lists, rows of
`certificates` without an event. Times are in UTC in all of them. Needs the extra `pki`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from capi2kit.errors import EvidenceError
from capi2kit.knowledge import columns
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.pki import certificates, containers, der, trustlists
from capi2kit.loaders.pki.certificates import BROKEN, Row
from capi2kit.loaders.pki.containers import Piece
from capi2kit.loaders.text.lines import head_of, lines, source_of, table_of
from capi2kit.winevent import Batch

NAME = "pki"
LOOKS_FOR = "a trust list, certificate, CRL or OCSP response (.cab, .stl, .sst, .p7b, .cer, .crt, .der, .pem, .crl)"
LARGEST = 256 << 20
_MEANING = {
    "certificate": "certificate",
    "crl": "CRL",
    "ocsp": "OCSP response",
    "trust list": "trust list",
    "signed data": "PKCS #7",
}


def sniff(head: bytes, name: str) -> bool:
    """Whether the bytes begin an object of PKI or a container of such objects; the name does not count."""
    if head.startswith(containers.CABINET):
        return containers.holds_objects(head)
    if containers.is_store(head):
        return True
    if head[:1] == bytes([der.SEQUENCE]) and der.form_of(head, cut=True):
        return True
    text = head_of(head, most=1 << 16)
    return "-----BEGIN " in text and any(der.form_of(found, cut=True) for found in containers.pem_heads(text))


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Read a file; one batch.

    Raises EvidenceError if the extra is missing, or for a cabinet or file that is too large, or beyond reading.
    """
    if len(file.data) > LARGEST:
        raise EvidenceError(f"{file.name}: {len(file.data)} bytes, more than {LARGEST}: refused", source=file.name)
    for name in ("asn1crypto", "cryptography", "cabarchive"):
        certificates.package(name)
    found = _Objects()
    data = bytes(file.data[:])
    for piece in _pieces(file, data, problems=found.problems):
        if piece is None:
            found.other += 1
        elif piece.data:
            found.add(piece)
    batch = found.tables()
    loaded = sum(map(len, batch.values()))
    batch["sources"] = source_of(found.problems, loaded=loaded, other=found.other, engine="asn1crypto")
    batch["problems"] = found.problems.table()
    if asked.progress:
        asked.progress(loaded, loaded + found.other + found.problems.lost)
    yield batch


def _pieces(file: EvidenceFile, data: bytes, *, problems: Problems) -> Iterator[Piece | None]:
    """The objects of a file, whatever holds them; None for what is of no concern here."""
    if data.startswith(containers.CABINET):
        for member in containers.unpack_cabinet(data, name=file.name):
            yield from _inside(member, problems=problems)
    elif data.startswith(containers.STORE) or data[:1] == bytes([der.SEQUENCE]):
        yield from _inside(Piece("", 0, data), problems=problems)
    else:
        yield from containers.read_pem(lines(file, problems), problems=problems)


def _inside(piece: Piece, *, problems: Problems) -> Iterator[Piece | None]:
    """A store's objects, or the DER objects that follow one another."""
    if piece.data.startswith(containers.STORE):
        yield from containers.read_store(piece.data, problems=problems)
        return
    if piece.where and not der.form_of(piece.data, cut=True):
        yield None
        return
    at = 0
    while at < len(piece.data):
        try:
            found = der.element(piece.data, at)
        except ValueError as err:
            _note_rest(piece, at, why=str(err), problems=problems)
            return
        part = piece.data[at : found.end]
        if at and not der.form_of(part):
            _note_rest(piece, at, why="no object that is known here", problems=problems)
            return
        yield piece._replace(offset=piece.offset + at, data=part)
        at = found.end


def _note_rest(piece: Piece, at: int, *, why: str, problems: Problems) -> None:
    """What is at an offset cannot be read: the object itself, or only something behind it."""
    place = f"{piece.where}: " if piece.where else ""
    if at:
        message = f"{place}{len(piece.data) - at} bytes behind offset {at} were left out: {why}"
        problems.add("file", "bytes behind the object", message=message, offset=piece.offset + at)
    else:
        message = f"{place}{why}; it is cut off or damaged, and the object is lost"
        problems.add("record", "cut off", message=message, lost=1, offset=piece.offset)


class _Objects:
    """The rows found so far."""

    def __init__(self) -> None:
        self.problems = Problems()
        self.other = 0
        self._lists: list[Row] = []
        self._certificates: list[Row] = []

    def add(self, piece: Piece) -> None:
        """Read one object; what is wrong with it is noted."""
        data = piece.data
        form = der.form_of(data)
        try:
            match form:
                case "certificate":
                    self._certificates.append(
                        certificates.certificate_row(data) | {"friendly_name": piece.friendly_name}
                    )
                case "crl":
                    self._certificates.append(certificates.crl_row(data))
                case "ocsp":
                    self._add_ocsp(piece)
                case "trust list":
                    self._lists.append(trustlists.list_row(data, None)[0])
                case "signed data":
                    self._add_signed(piece)
                case _:
                    raise ValueError("it is not a certificate, CRL, OCSP response or trust list")
        except BROKEN as err:
            self._note(piece, err, form=form)

    def _note(self, piece: Piece, err: Exception, *, form: str) -> None:
        where = f"{piece.where}: " if piece.where else ""
        why = "its parts are nested too deeply" if isinstance(err, RecursionError) else str(err).partition("\n")[0]
        message = (
            f"{where}the {_MEANING.get(form, 'object')} at offset {piece.offset} cannot be read ({why}); it is lost"
        )
        self.problems.add("record", "damaged object", message=message, lost=1, offset=piece.offset)

    def _add_ocsp(self, piece: Piece) -> None:
        row, embedded = certificates.ocsp_rows(piece.data)
        self._certificates.append(row)
        self._add_embedded(piece, embedded)

    def _add_embedded(self, piece: Piece, embedded: list[bytes]) -> None:
        """Certificates and CRLs inside another object."""
        for data in embedded:
            self.add(piece._replace(data=data))

    def _add_signed(self, piece: Piece) -> None:
        signed = trustlists.open_signed(piece.data)
        if signed.content_type == der.TRUST_LIST:
            try:
                row, verdict = trustlists.list_row(piece.data, signed)
                self._lists.append(row)
                self._note_signature(piece, signed, why=verdict.why)
            except BROKEN as err:
                self._note(piece, err, form="trust list")
        self._add_embedded(piece, signed.certificates + signed.crls)

    def _note_signature(self, piece: Piece, signed: trustlists.Signed, *, why: str) -> None:
        where = f"{piece.where}: " if piece.where else ""
        if why:
            self.problems.add(
                "value", "signature", message=f"{where}the list is signed, but {why}", offset=piece.offset
            )
        if len(signed.signers) > 1:
            message = f"{where}the list has {len(signed.signers)} signers; only the first one was looked at"
            self.problems.add("value", "signature", message=message, offset=piece.offset)

    def tables(self) -> Batch:
        """`trust_lists` and `certificates`, where there are any."""
        batch: Batch = {}
        if self._lists:
            batch["trust_lists"] = _table("trust_lists", self._lists, kinds=trustlists.KINDS)
        if self._certificates:
            table = _table("certificates", self._certificates, kinds=certificates.KINDS)
            batch["certificates"] = table.assign(position=np.arange(len(table)))
        return batch


def _table(name: str, rows: list[Row], *, kinds: dict[str, str]) -> pd.DataFrame:
    """Rows as a table; whose file and which place is not for them to say."""
    said = {column for row in rows for column in row}
    cells = {column: [row.get(column) for row in rows] for column in columns(name) if column in said}
    return table_of(name, cells, kinds=kinds)
