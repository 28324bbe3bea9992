"""Registry values: from the text of a .reg file or of `reg query` to the text of a table."""

from __future__ import annotations

import re

from capi2kit.loaders.settings.connections import Decoded, decoded, is_connections

# the number in `hex(7):` and the type it means
TYPES = {
    "0": "REG_NONE",
    "1": "REG_SZ",
    "2": "REG_EXPAND_SZ",
    "3": "REG_BINARY",
    "4": "REG_DWORD",
    "5": "REG_DWORD_BIG_ENDIAN",
    "6": "REG_LINK",
    "7": "REG_MULTI_SZ",
    "8": "REG_RESOURCE_LIST",
    "9": "REG_FULL_RESOURCE_DESCRIPTOR",
    "a": "REG_RESOURCE_REQUIREMENTS_LIST",
    "b": "REG_QWORD",
}
_WIDTH = {"REG_DWORD": 4, "REG_DWORD_BIG_ENDIAN": 4, "REG_QWORD": 8}
_ESCAPE = re.compile(r'\\(["\\])')
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DWORD = re.compile(r"dword:\s*([0-9a-f]{1,8})", re.IGNORECASE)
_BYTES = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:([0-9a-f,\s]*)", re.IGNORECASE)
_PRINTED_NUMBER = re.compile(r"0x([0-9a-f]{1,16})", re.IGNORECASE)
_SID = re.compile(r"S-1-\d+(?:-\d+)*", re.ASCII)


def account_of_key(path: str) -> str | None:
    """Whose settings a key holds: a SID, ``HKEY_CURRENT_USER``, or None for the machine."""
    hive, _, rest = path.partition("\\")
    if hive.upper() in ("HKEY_CURRENT_USER", "HKCU"):
        return "HKEY_CURRENT_USER"
    if hive.upper() not in ("HKEY_USERS", "HKU"):
        return None
    name = rest.partition("\\")[0].removesuffix("_Classes")
    if name.upper() == ".DEFAULT":  # the hive of LocalSystem, under another name
        return "S-1-5-18"
    return name if _SID.fullmatch(name) else None


def exported(text: str, *, wide: bool) -> tuple[str | None, str | None]:
    """Value and type of what follows the ``=`` of a .reg file; `wide`: its texts in bytes are UTF-16.

    Raises ValueError if it is not a value.
    """
    if text.startswith('"'):
        if not _TEXT.fullmatch(text):
            raise ValueError("its quote is not closed")
        return _ESCAPE.sub(r"\1", text[1:-1]) or None, "REG_SZ"
    if found := _DWORD.fullmatch(text):
        return str(int(found[1], 16)), "REG_DWORD"
    if found := _BYTES.fullmatch(text):
        kind = TYPES.get((found[1] or "3").lower().lstrip("0") or "0", f"hex({found[1]})")
        return _from_bytes(bytes_of(found[2]), kind=kind, wide=wide), kind
    raise ValueError("it has no known type")


def bytes_of(text: str) -> bytes:
    """``18,00,00`` or ``180000`` as bytes. Raises ValueError."""
    return bytes.fromhex(text.replace(",", " "))


def _from_bytes(data: bytes, *, kind: str, wide: bool) -> str | None:
    if kind in _WIDTH and len(data) == _WIDTH[kind]:
        return str(int.from_bytes(data, "big" if kind.endswith("BIG_ENDIAN") else "little"))
    if kind in ("REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ"):
        text = data.decode("utf-16-le" if wide else "cp1252", errors="replace").rstrip("\0")
        return text.replace("\0", r"\0") or None  # as `reg query` prints several texts
    return data.hex() or None


def printed(text: str, *, kind: str) -> str | None:
    """The value that `reg query` printed, numbers in decimal and bytes in small hexadecimal; None if it is empty."""
    if found := _PRINTED_NUMBER.fullmatch(text) if "WORD" in kind else None:
        return str(int(found[1], 16))
    return (text.lower() if kind == "REG_BINARY" else text) or None


def settings_inside(path: str | None, *, kind: str | None, value: str | None) -> Decoded:
    """The proxy settings that a value of a connections key holds as bytes; none for other values.

    Raises ValueError if the bytes are not of the known layout.
    """
    if kind != "REG_BINARY" or not value or not is_connections(path):
        return []
    return decoded(bytes.fromhex(value))
