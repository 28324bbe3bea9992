"""Mutants: altered copies of logs, texts and archives, each from a seed."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

HEADER, CHUNK, FIRST = 4096, 65536, 512
Dice = random.Random
_TEXT = b"The quick brown fox jumps over the lazy dog. <Event>&#9;%s\r\n\0"
_ODD = (0, 1, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def filling(dice: Dice, size: int) -> bytes:
    """Bytes that may stand anywhere by accident: one value, text, or noise."""
    kind = dice.randrange(6)
    if kind < 3:
        return bytes([(0, 0xFF, 0xAA)[kind]]) * size
    if kind == 3:
        return (_TEXT * (size // len(_TEXT) + 1))[:size]
    if kind == 4:
        return "wide text, as a log holds it ".encode("utf-16-le")[: 2 * (size // 2)].ljust(size, b" ")[:size]
    return dice.randbytes(size)


def overwrite(dice: Dice, data: bytearray) -> None:
    """Something else over a few bytes, or over many."""
    size = min(len(data), dice.choice((1, 2, 4, 8, 64, 512, 4096, CHUNK)))
    at = dice.randrange(max(len(data) - size, 1))
    data[at : at + size] = filling(dice, size)


def flip(dice: Dice, data: bytearray) -> None:
    """Single bits."""
    for _ in range(dice.choice((1, 1, 1, 2, 5, 50))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def whole_chunk(dice: Dice, data: bytearray) -> None:
    """A chunk of other bytes."""
    count = max((len(data) - HEADER) // CHUNK, 1)
    at = HEADER + CHUNK * dice.randrange(count)
    data[at : at + CHUNK] = filling(dice, max(min(CHUNK, len(data) - at), 0))


def cut(dice: Dice, data: bytearray) -> None:
    """The file ends somewhere."""
    del data[dice.randrange(len(data)) :]


def grow(dice: Dice, data: bytearray) -> None:
    """Something stands behind the end, or in between."""
    at = len(data) if dice.random() < 0.5 else dice.randrange(len(data))
    data[at:at] = filling(dice, dice.choice((1, 8, 512, CHUNK)))


def swap(dice: Dice, data: bytearray) -> None:
    """One chunk where another one was, or twice."""
    count = max((len(data) - HEADER) // CHUNK, 1)
    one, other = (HEADER + CHUNK * dice.randrange(count) for _ in range(2))
    data[one : one + CHUNK] = data[other : other + CHUNK]


def number(dice: Dice, data: bytearray) -> None:
    """A number in a header of the file, a chunk or a record."""
    heads = [0, *range(HEADER, len(data), CHUNK)]
    records = [at for at in range(HEADER + FIRST, len(data) - 32, 8) if data[at : at + 4] == b"**\0\0"]
    at = dice.choice(heads) + dice.choice((8, 16, 24, 32, 40, 44, 48, 52, 120, 124))
    if records and dice.random() < 0.6:
        at = dice.choice(records) + dice.choice((0, 4, 8, 16, 24))
    form = dice.choice(["<H", "<I", "<Q"])
    size = struct.calcsize(form)
    if at + size <= len(data):
        struct.pack_into(form, data, at, dice.choice(_ODD) & ((1 << 8 * size) - 1))


def letter(dice: Dice, data: bytearray) -> None:
    """A letter of a text or a name, or what a text may not hold."""
    places = [at for at in range(HEADER + FIRST, len(data) - 2, 2) if 0x20 < data[at] < 0x7F and not data[at + 1]]
    if places:
        at = dice.choice(places)
        data[at : at + 2] = dice.choice((b"\0\0", b"\0\xd8", b"x\0", b"<\0", b"\x01\0", b"\xff\xff", b"\x0a\0"))


DAMAGES: tuple[Callable[[Dice, bytearray], None], ...] = (
    overwrite,
    overwrite,
    flip,
    flip,
    whole_chunk,
    cut,
    grow,
    swap,
    number,
    letter,
)
INSIDE: tuple[Callable[[Dice, bytearray], None], ...] = (flip, letter, letter, number, overwrite)


def evtx(base: bytes, seed: int, *, resealed: bool) -> bytes:
    """A mutant of a log; `resealed`: its checksums fit what it says."""
    dice = Dice(seed)
    data = bytearray(base)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        dice.choice(INSIDE if resealed else DAMAGES)(dice, data)
        if not data:
            data += b"\0"
    return reseal(data) if resealed else bytes(data)


def reseal(data: bytearray) -> bytes:
    """The log with checksums that fit, in its header and in those of its chunks."""
    for at in range(HEADER, len(data) - CHUNK + 1, CHUNK):
        if data[at : at + 8] != b"ElfChnk\0":
            continue
        free = struct.unpack_from("<I", data, at + 48)[0]
        if FIRST <= free <= CHUNK:
            struct.pack_into("<I", data, at + 52, zlib.crc32(bytes(data[at + FIRST : at + free])))
        head = bytes(data[at : at + 120]) + bytes(data[at + 128 : at + FIRST])
        struct.pack_into("<I", data, at + 124, zlib.crc32(head))
    if len(data) >= HEADER:
        struct.pack_into("<I", data, 124, zlib.crc32(bytes(data[:120])))
    return bytes(data)


_SIGNS = (
    "\0",
    "\ufffd",
    "\ud83d",
    "\u202e",
    "\U000e0041",
    "<!--",
    "-->",
    "]]>",
    "&#",
    "&amp;",
    "<",
    ">",
    '"',
    "'",
    "{",
    "[",
    "\\",
)
_RUNS = (" ", "\n", "\t", "-", "<a>", "&#9", "9", "(", '"', "[", "{", "A:", "\u2014")


def text(base: bytes, seed: int) -> bytes:
    """A mutant of a text: bytes altered, parts moved, doubled, cut off, signs and long runs put in."""
    dice = Dice(seed)
    data = bytearray(base)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at, size = dice.randrange(len(data) + 1), dice.choice((1, 3, 20, 300))
        kind = dice.randrange(8)
        if kind == 0:
            data[at : at + size] = dice.randbytes(size)
        elif kind == 1:
            del data[at : at + size]
        elif kind == 2:
            data[at:at] = data[at : at + size] * dice.choice((1, 2, 50))
        elif kind == 3:
            to = dice.randrange(len(data) + 1)
            data[to:to] = data[at : at + size]
        elif kind == 4:
            data[at:at] = dice.choice(_SIGNS).encode("utf-8", "surrogatepass")
        elif kind == 5:
            data[at:at] = dice.choice(_RUNS).encode() * dice.choice((10, 1000, 20_000))
        elif kind == 6:
            del data[at:]
        else:
            data[:] = data.decode("utf-8", "replace").encode(
                dice.choice(("utf-16", "utf-16-le", "cp1252", "utf-8-sig")), "replace"
            )
    return bytes(data)


def archive(members: dict[str, bytes], seed: int) -> bytes:
    """A .zip of some members in any method, then altered as a whole."""
    dice = Dice(seed)
    stream = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(stream, "w") as made:
        for name, data in members.items():
            odd = dice.choice((*[name] * 20, f"../{name}", f"/{name}", f"\u202e{name}", f"a\n{name}", "C:" + name))
            made.writestr(odd, data, dice.choice(methods[: dice.choice((2, 2, 4))]))
        if dice.random() < 0.2:
            made.writestr("zeros", bytes(dice.choice((1 << 10, 1 << 20, 1 << 24))), zipfile.ZIP_DEFLATED)
    data = bytearray(stream.getvalue())
    for _ in range(dice.choice((0, 0, 1, 1, 3))):
        heads = [at for at in range(len(data) - 4) if data[at : at + 2] == b"PK"] if dice.random() < 0.5 else []
        at = dice.choice(heads) + dice.randrange(46) if heads else dice.randrange(len(data))
        size = dice.choice((1, 2, 4))
        data[at : at + size] = filling(dice, size)
    return bytes(data[: dice.randrange(len(data))] if dice.random() < 0.1 else data)
