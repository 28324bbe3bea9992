"""Keys: the secret that pseudonyms are made with, and the names behind them, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from dataclasses import dataclass, field

from capi2kit.errors import OutputError
from capi2kit.words import visible

PathLike = str | os.PathLike[str]
SCHEMA = "capi2kit-key/1"
_BYTES = 32
_MOST_BYTES = 200_000_000


@dataclass
class Key:
    """A secret and the names that got pseudonyms with it: pseudonym → name."""

    secret: bytes
    names: dict[str, str] = field(default_factory=dict)


def open_key(path: PathLike) -> Key:
    """The key in a file, or a new one if there is no such file; `save_key` writes it.

    Raises OutputError for a file that is no key, or that others may read.
    """
    name = os.fspath(path)
    if not os.path.lexists(name):
        return Key(secrets.token_bytes(_BYTES))
    try:
        with open(name, "rb") as file:
            others = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077 if os.name == "posix" else 0
            found = json.loads(file.read(_MOST_BYTES))
        secret = bytes.fromhex(found["secret"])
        names = {str(pseudonym): str(text) for pseudonym, text in found["names"].items()}
    except OSError as err:
        raise OutputError(f"{visible(name)}: the key cannot be read ({err.strerror})", path=name) from err
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        message = (
            f"{visible(name)}: is not a key of capi2kit; name a file that does not exist yet, and a key is made in it"
        )
        raise OutputError(message, path=name) from err
    if found.get("schema") != SCHEMA or len(secret) != _BYTES:
        raise OutputError(f"{visible(name)}: is not a key that this version reads (it reads {SCHEMA})", path=name)
    if others:
        raise OutputError(f"{visible(name)}: others can read this key: chmod 600 it, or make a new one", path=name)
    return Key(secret, names)


def save_key(key: Key, path: PathLike) -> None:
    """Write the key, with the names of this run and those that were there, readable by its owner only; whole or not at all.

    Raises OutputError if it cannot be written.
    """
    name = os.fspath(path)
    if os.path.lexists(name):
        key.names = {**open_key(name).names, **key.names}
    content = json.dumps(
        {"schema": SCHEMA, "secret": key.secret.hex(), "names": dict(sorted(key.names.items()))}, indent=1
    )
    part = f"{name}.{secrets.token_hex(8)}.part"
    try:
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, name)
    except OSError as err:
        if os.path.exists(part):
            os.unlink(part)
        raise OutputError(
            f"{visible(name)}: the key cannot be written ({err.strerror}); choose another place", path=name
        ) from err


def identify(text: str, key: Key) -> str:
    """A text with the names behind its pseudonyms put back, as far as the key knows them."""
    if not key.names:
        return text
    longest = sorted(key.names, key=len, reverse=True)
    found = re.compile(
        "|".join(rf"(?<![0-9A-Za-z]){re.escape(pseudonym)}(?![0-9A-Za-z])" for pseudonym in longest), re.IGNORECASE
    )
    known = {pseudonym.casefold(): name for pseudonym, name in key.names.items()}
    return found.sub(lambda match: known[match[0].casefold()], text)
