"""Block: some chunks of a log in one piece of memory, with views of it that begin at any byte.

`block.u4[at]` are the four bytes at `at` as a number; `at` may be an array of a million places.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

SLACK = 16  # bytes behind the chunks: a view of eight bytes may begin at the last one


class Block:
    """`size` bytes of whole chunks; `raw` has `SLACK` bytes more. Views: u1, u2, u4, u8, little endian."""

    def __init__(self, raw: bytes | bytearray | memoryview, size: int) -> None:
        self.raw = raw
        self.size = size
        self.u1 = np.frombuffer(raw, "u1", count=size + SLACK)
        self.u2, self.u4, self.u8 = (self._view(width) for width in (2, 4, 8))

    def _view(self, width: int) -> np.ndarray:
        return np.ndarray((self.size + SLACK - width + 1,), f"<u{width}", self.raw, 0, (1,))

    def pieces(self, places: np.ndarray, *, width: int) -> np.ndarray:
        """The `width` bytes at each of these places, one behind the other."""
        view = np.ndarray((self.size + SLACK - width + 1,), f"V{width}", self.raw, 0, (1,))
        return view[places]

    def runs(self, start: np.ndarray, *, stop: np.ndarray) -> pa.LargeBinaryArray:
        """The bytes from each start to its stop. Raises IndexError for what is not in the block: Arrow would read what lies behind it."""
        if not len(start):
            return pa.array([], pa.large_binary())
        if int(start.min()) < 0 or int(stop.max()) > self.size or (stop < start).any():
            raise IndexError("a run of bytes is not in its block")
        ends = np.empty(
            2 * len(start) + 1, "int64"
        )  # every second value is a run; those between them are never looked at
        ends[:-1:2], ends[1::2], ends[-1] = start, stop, self.size
        pieces = [None, pa.py_buffer(ends), pa.py_buffer(self.raw)]
        between = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * len(start), pieces)
        return between.take(pa.array(np.arange(0, 2 * len(start), 2)))

    def rows(self, at: np.ndarray, *, count: int) -> np.ndarray:
        """`count` numbers of four bytes at each place: one row for each of them."""
        if not count or not len(at):
            return np.empty((len(at), count), "u4")
        found = self.runs(at, stop=at + 4 * count)
        return np.frombuffer(found.buffers()[2], "<u4", count=count * len(at)).reshape(-1, count)
