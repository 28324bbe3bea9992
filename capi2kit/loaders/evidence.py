"""Evidence as a loader gets it: the bytes of one file, and the list of what was wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from capi2kit.cells import shaped
from capi2kit.loaders.framing import Buffer, Chunk, Frame

if TYPE_CHECKING:
    from capi2kit.loaders.salvage import Salvage


@dataclass(frozen=True)
class EvidenceFile:
    """One file, read-only. `path` is empty for a member of an archive."""

    name: str
    path: str
    data: Buffer
    sha256: str


class Problems:
    """Collects rows of the `problems` table. `lost` is their sum of lost records."""

    def __init__(self) -> None:
        self._rows: list[dict[str, object]] = []

    @property
    def lost(self) -> int:
        """Records lost so far."""
        return sum(int(str(row["lost"])) for row in self._rows)

    def add(self, stage: str, error: str, message: str, *, lost: int = 0, **where: int | None) -> None:
        """Note one problem; `where`: chunk, record, offset."""
        self._rows.append({"stage": stage, "error": error, "message": message, "lost": lost, **where})

    def add_chunk(self, chunk: Chunk) -> None:
        """What a damaged chunk means: one row for the damage, one for each record that is not there."""
        found = len(chunk.frames)
        if chunk.damage and found:
            message = f"chunk {chunk.slot}: {chunk.damage}; its {found} records were read one by one and may hold altered bytes"
            self.add("chunk", chunk.damage, message, chunk=chunk.slot, offset=chunk.offset)
        for record in chunk.missing:
            message = f"record {record} is promised by the header of chunk {chunk.slot} ({chunk.damage or 'checksum holds'}) but is not in it"
            self.add("record", "missing record", message, lost=1, chunk=chunk.slot, record=record, offset=chunk.offset)

    def add_salvage(self, salvage: Salvage) -> None:
        """Names that a damaged record took with it: restored, or not."""
        chunk = salvage.chunk
        for frame in chunk.frames:
            if frame.damage:
                note_frame(
                    self,
                    frame,
                    "record",
                    f"damaged {frame.damage}",
                    f"its {frame.damage} was damaged and worked out from its neighbours",
                )
        if salvage.restored:
            names = ", ".join(sorted(set(salvage.restored)))
            self.add(
                "names",
                "restored names",
                f"chunk {chunk.slot}: names restored from another chunk: {names}",
                chunk=chunk.slot,
                offset=chunk.offset,
            )
        for offset in dict.fromkeys(salvage.unknown):
            message = f"chunk {chunk.slot}: the name at offset {offset} is lost and no other chunk tells it; its cells are <NA>, their text is in `extra`"
            self.add("names", "lost name", message, chunk=chunk.slot, offset=chunk.offset + offset)
        if salvage.decoder.replaced:
            message = f"chunk {chunk.slot}: {salvage.decoder.replaced} characters that no text can hold were replaced by U+FFFD"
            self.add("text", "replaced characters", message, chunk=chunk.slot, offset=chunk.offset)

    def table(self) -> pd.DataFrame:
        """The rows as a `problems` table (source 0)."""
        found = pd.DataFrame(self._rows, columns=["stage", "error", "message", "lost", "chunk", "record", "offset"])
        return shaped(
            found.astype({"lost": "int64", "chunk": "Int64", "record": "Int64", "offset": "Int64"}), "problems"
        )


def note_frame(problems: Problems, frame: Frame, stage: str, error: str, message: str, *, lost: int = 0) -> None:
    """Note a problem of one record."""
    text = f"record {frame.record} in chunk {frame.chunk} at offset {frame.offset}: {message}"
    problems.add(stage, error, text, lost=lost, chunk=frame.chunk, record=frame.record, offset=frame.offset)
