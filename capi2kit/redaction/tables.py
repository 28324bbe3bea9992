"""Tables: a case with pseudonyms in the place of names: the same rows, numbers, times and codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pandas as pd

from capi2kit.case import Case
from capi2kit.given import case_of
from capi2kit.knowledge import rows
from capi2kit.redaction.keys import Key, PathLike, open_key, save_key
from capi2kit.redaction.public import is_public
from capi2kit.redaction.texts import Redactor
from capi2kit.redaction.vocabulary import Vocabulary

_JSON = ("extra",)
_FIRST = ("host", "endpoint", "user", "sid")  # a computer's name that is also the name of a folder is a computer's name
_KEPT = {  # identities that name nobody, and words of the log
    *(
        "task_id",
        "activity_id",
        "related_activity_id",
        "chain_ref",
        "timestamp_chain_ref",
        "provider_guid",
        "action_id",
    ),
    *("phase", "operation", "keywords", "sha256", "loader", "engine", "unit", "stage", "error", "verdict"),
    *("zone", "zone_name", "channel", "object_type", "url_role", "url_scheme", "usage_oid", "caller", "fails"),
}
_HASHES = (  # the hash of a certificate or list stays where its subject does
    ("events", "subject", "thumbprint"),
    ("events", "issuer", "issuer_thumbprint"),
    ("events", "retrieved_issuer", "retrieved_ref"),
    ("events", "crl_issuer", "crl_ref"),
    ("events", "ocsp_issuer", "ocsp_ref"),
    ("chain", "subject", "thumbprint"),
    ("chain", "crl_issuer", "crl_ref"),
    ("chain", "ocsp_issuer", "ocsp_ref"),
    ("certificates", "subject", "thumbprint"),
    ("certificates", "subject", "subject_key_id"),
    ("certificates", "subject", "serial"),
    ("certificates", "issuer", "authority_key_id"),
    ("verifications", "subject", "thumbprint"),
    ("trust_lists", "signer", "thumbprint"),
    ("trust_lists", "signer", "signer_thumbprint"),
)


def redactor_for(case: Case, key: Key) -> Redactor:
    """A redactor that knows the names of a case."""
    vocabulary = Vocabulary()
    tables = dict(_tables(case))
    for table, subject, digest in _HASHES:
        frame = tables[table]
        shown = frame[[subject, digest]].dropna().drop_duplicates()
        vocabulary.public_hashes |= {
            str(value).casefold()
            for name, value in zip(shown[subject], shown[digest], strict=True)
            if is_public("subject", str(name))
        }
    for row in sorted(
        rows("private"), key=lambda row: _FIRST.index(row["kind"]) if row["kind"] in _FIRST else len(_FIRST)
    ):
        for value in tables[row["table"]][row["column"]].dropna().unique():
            vocabulary.learn(row["kind"], str(value))
    vocabulary.protect(_words_of_the_log(tables))
    return Redactor(vocabulary, key)


def redact(case: Case, key: PathLike) -> Case:
    """A case with pseudonyms in the place of names of people, computers, accounts, files and customers.

    Parameters
    ----------
    case : what `load` returned; it is not changed.
    key : file with the secret behind the pseudonyms; if there is none, a new one is made that only its owner can read. The
        same key gives the same pseudonyms in every case. The file keeps the names behind them.

    Returns
    -------
    Case : the same tables: rows, numbers, times, codes and public names as before. Its files have pseudonyms, too, so
        `record_xml` does not find them; `capi2kit redact` writes the evidence itself anew.

    Raises
    ------
    TableError : `case` is no case; the message says what to pass.
    OutputError : the file is no key, others may read it, or it cannot be written.
    """
    case, opened = case_of(case), open_key(key)
    made = redacted_case(case, redactor_for(case, opened))
    save_key(opened, key)
    return made


def redacted_case(case: Case, redactor: Redactor) -> Case:
    """The tables of a case, redacted."""
    return replace(case, **{name: _redacted(name, table, redactor=redactor) for name, table in _tables(case)})


def _tables(case: Case) -> Iterator[tuple[str, pd.DataFrame]]:
    for one in fields(case):
        table = getattr(case, one.name)
        yield one.name, table.reset_index() if one.name == "events" else table


def _words_of_the_log(tables: dict[str, pd.DataFrame]) -> set[str]:
    """What the log says in columns that hold no names: such words are never replaced."""
    named = {(row["table"], row["column"]) for row in rows("private")}
    words = {
        str(value).casefold()
        for name, table in tables.items()
        for column in table.columns
        if (name, column) not in named and _holds_text(table[column])
        for value in table[column].dropna().unique()
    }
    return {part for word in words for part in (word, *word.split())}


def _holds_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype) or column.dtype == object


def _redacted(name: str, table: pd.DataFrame, *, redactor: Redactor) -> pd.DataFrame:
    made = table.copy()
    for column in table.columns:
        if column in _KEPT or not _holds_text(table[column]):
            continue
        change = _json_text if column in _JSON else _plain_text
        known = {value: change(value, redactor) for value in table[column].dropna().unique()}
        made[column] = table[column].map(known).astype(table[column].dtype)
    return made.set_index(["task_id", "process"]) if name == "events" else made


def _plain_text(value: Any, redactor: Redactor) -> Any:
    return redactor.text(value) if isinstance(value, str) else value


def _json_text(value: Any, redactor: Redactor) -> Any:
    """JSON with its texts redacted; names of elements stay."""
    try:
        found = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return _plain_text(value, redactor)
    return json.dumps(_inside(found, redactor), ensure_ascii=False)


def _inside(found: Any, redactor: Redactor) -> Any:
    if isinstance(found, dict):
        return {key: _inside(value, redactor) for key, value in found.items()}
    if isinstance(found, list):
        return [_inside(value, redactor) for value in found]
    return redactor.text(found) if isinstance(found, str) else found
