"""The tree of exceptions: what was wrong, where, and what to do next."""

from __future__ import annotations


class Capi2kitError(Exception):
    """Any error that capi2kit raises on purpose."""


class EvidenceError(Capi2kitError):
    """The evidence is at fault. `source`, `record` and `offset` say where, as far as known."""

    def __init__(
        self, message: str, *, source: str | None = None, record: int | None = None, offset: int | None = None
    ):
        super().__init__(message)
        self.source = source
        self.record = record
        self.offset = offset


class UnknownFormat(EvidenceError):  # noqa: N818 - named as the house names them
    """No loader recognised the file; the message lists what each of them looks for."""


class NoEvents(EvidenceError):  # noqa: N818 - named as the house names them
    """The evidence could be read, but holds not one usable event."""


class DamagedEvidence(EvidenceError):  # noqa: N818 - named as the house names them
    """Something was lost and `strict=True` was asked for."""


class OutputError(Capi2kitError):
    """A file cannot be written there: it is evidence, it is there already, or the system refuses it. `path` says which."""

    def __init__(self, message: str, *, path: str | None = None):
        super().__init__(message)
        self.path = path


class StoreError(Capi2kitError):
    """A folder is not a store, or is one that is newer than this version, is being written to, or a question to it cannot be answered."""


class TableError(Capi2kitError):
    """A table passed in lacks a column or has another dtype than the vocabulary says."""


class KnowledgeError(Capi2kitError):
    """A row of a knowledge table is wrong. `file` and `line` say which."""

    def __init__(self, message: str, *, file: str, line: int | None = None):
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {message}")
        self.file = file
        self.line = line


class ScenarioError(Capi2kitError):
    """A lab scenario contradicts itself."""
