"""Code pages: output of console commands, which is written in the code page of the console, not of Windows."""

from __future__ import annotations

import re
from dataclasses import replace

from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.text.lines import encoding_of

_WINDOWS, _CONSOLE = "cp1252", "cp850"
_INSIDE = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f\W\d_]|[^\x00-\x7f\W\d_](?=[a-z])")  # an accented letter in a word
_SEEN = 1 << 20  # bytes that decide


def in_unicode(file: EvidenceFile, problems: Problems) -> EvidenceFile:
    """The file with lines in the console's code page 850 turned into UTF-8, and a note of it.

    It is left as it is if its lines are UTF-8, UTF-16, or rather Windows-1252: in which of the two readings
    there are more accented letters inside words decides.
    """
    data = bytes(file.data[:])
    if encoding_of(data[:4096])[0] != "utf-8" or data.isascii():
        return file
    parts = data.splitlines(keepends=True)
    foreign = [number for number, part in enumerate(parts) if not _is_utf8(part)]
    sample = b"".join(parts[number] for number in foreign)[:_SEEN]
    if _letters(sample, _CONSOLE) <= _letters(sample, _WINDOWS):
        return file
    for number in foreign:
        parts[number] = parts[number].decode(_CONSOLE).encode()
    message = f"{len(foreign)} lines are in the code page of a console; read as {_CONSOLE}: check letters with accents"
    problems.add("text", "console code page", message=message)
    return replace(file, data=b"".join(parts))


def _is_utf8(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        return False
    return True


def _letters(sample: bytes, code_page: str) -> int:
    return len(_INSIDE.findall(sample.decode(code_page, errors="replace")))
