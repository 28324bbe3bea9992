"""What is in a file, unpacked: the members of archives, the streams and texts of a PDF, so that a test can look into every byte."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.generic import IndirectObject, StreamObject


def contents(data: bytes, name: str = "") -> Iterator[tuple[str, bytes]]:
    """Each part of a file with its place: the file itself, what is in it if it is an archive or a PDF, and so on."""
    yield name, data
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                yield f"{name}!{member.filename}", member.filename.encode() + (member.comment or b"")
                yield from contents(archive.read(member), f"{name}!{member.filename}")
    elif data[:5] == b"%PDF-":
        yield from pdf_parts(data, name)


def pdf_parts(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """The decoded streams, the texts of the pages, and what the file says of itself."""
    reader = PdfReader(io.BytesIO(data))
    for number in sorted(reader.xref.get(0, {}) | reader.xref_objStm):
        found = reader.get_object(IndirectObject(number, 0, reader))
        if isinstance(found, StreamObject):
            yield f"{name}#{number}", found.get_data()
        elif found is not None:
            yield f"{name}#{number}", repr(found).encode("utf-8", "replace")
    for number, page in enumerate(reader.pages, 1):
        yield f"{name} page {number}", page.extract_text().encode("utf-8", "replace")
    yield f"{name} facts", repr(dict(reader.metadata or {})).encode("utf-8", "replace")


def pdf_text(data: bytes) -> str:
    """The text of all pages, with single blanks."""
    reader = PdfReader(io.BytesIO(data))
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
