"""Reading: one pass over one log: who decodes which record, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

import numpy as np
import pandas as pd
from lxml import etree

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.evtx.blocks import Blocks
from capi2kit.loaders.evtx.framing import Framing, frame_file
from capi2kit.loaders.evtx.recordids import Frame
from capi2kit.winevent import Batch, EventRows

_FLUSH = 4096
_REPORT_EVERY = 500
_FILETIME_EPOCH = 116444736000000000
_NAT = -(1 << 63)


class Reading:
    """One pass over one file. `rows` has what is not in a batch yet."""

    def __init__(self, file: EvidenceFile, *, asked: Asked) -> None:
        self.file = file
        self.asked = asked
        self.rows = EventRows()
        self.problems = Problems()
        self.engines: set[str] = set()
        self._loaded = self._other = 0
        self._framing = Framing([], dirty=False, damage=[])
        self._ids = np.empty(0, "int64")
        self._promised = 0

    def batches(self) -> Iterator[Batch]:
        """Take every record that can be read. What cannot be read becomes a problem."""
        left: list[Frame] = []
        if self.asked.engine == "auto":
            yield from self._columns(left)
        else:
            self._note(frame_file(self.file.data))
            yield from self._texts(left)
        for frame, event in self._one_by_one(left):
            self._take_element(frame, event)
            yield from self._flushed()

    def _columns(self, left: list[Frame]) -> Iterator[Batch]:
        """The columnar engine over sound chunks; its odd records are added to `left`."""
        blocks = Blocks(self.file, asked=self.asked)
        for batch in blocks:
            if len(batch.get("events", ())):
                self._loaded += len(batch["events"])
                self.engines.add("columnar")
                yield batch
        self._other += blocks.other
        if blocks.other:
            self.engines.add("columnar")
        left += blocks.left
        self._note(blocks.framing, ids=blocks.ids)

    def _texts(self, left: list[Frame]) -> Iterator[Batch]:
        """The Rust library over intact chunks, if it was asked for; else all their records are added to `left`."""
        intact = [chunk for chunk in self._framing.chunks if chunk.healthy]
        if self.asked.engine == "python-evtx":
            left += [frame for chunk in intact for frame in chunk.frames]
            return
        from capi2kit.loaders.evtx.xmltexts import rendered

        for frame, xml in rendered(self.file, intact, left=left):
            self.engines.add("evtx")
            try:
                self._take(frame, xml, wanted=self.asked.wants_text(xml))
            except etree.XMLSyntaxError:
                left.append(frame)
            yield from self._flushed()

    def _one_by_one(self, left: list[Frame]) -> Iterator[tuple[Frame, etree._Element]]:
        """The second engine: records of intact chunks that are left, and all damaged chunks."""
        damaged = [chunk for chunk in self._framing.chunks if not chunk.healthy]
        if not left and not damaged:
            return
        from capi2kit.loaders.evtx.salvage import read_one_by_one, salvage_chunk

        if left or any(chunk.frames for chunk in damaged):
            self.engines.add("python-evtx")
        by_chunk: dict[int, list[Frame]] = {}
        for frame in sorted(left, key=attrgetter("offset")):
            by_chunk.setdefault(frame.chunk, []).append(frame)
        for frames in by_chunk.values():
            yield from read_one_by_one(self.file.data, frames, problems=self.problems)
        for chunk in damaged:
            yield from salvage_chunk(self.file.data, chunk, framing=self._framing, problems=self.problems)

    def _note(self, framing: Framing, *, ids: np.ndarray | None = None) -> None:
        """What the framing of the file says. `ids`: of the records, where the framing has no chunks. Raises EvidenceError for no log."""
        self._framing = framing
        frames = [frame.record for chunk in framing.chunks for frame in chunk.frames]
        self._ids = np.array(frames, "u8") if ids is None else ids
        self._promised = framing.promised if ids is None else len(ids)
        empty = not len(self._ids) and not any(chunk.missing for chunk in framing.chunks)
        if empty and framing.damage:
            found = f"{framing.damage[0]}, and no chunk of records follows"
            raise EvidenceError(f"{self.file.name}: {found}; export or copy the log again", source=self.file.name)
        for message in framing.damage:
            self.problems.add("file", "damaged header", message=f"{message}; the chunks behind it were read anyway")
        for record in _twice(self._ids):
            message = f"record {record} is there more than once; each of them was read"
            self.problems.add("record", "record id twice", message=message, record=record)
        for message, count in framing.missing:
            self.problems.add("chunk", "lost chunk", message=message, lost=count)

    def _take_element(self, frame: Frame, event: etree._Element) -> None:
        provider = event.find("System/Provider")
        name = None if provider is None else provider.get("Name")
        self._take(frame, event, wanted=self.asked.wants(name, event.findtext("System/EventID")))

    def _take(self, frame: Frame, event: etree._Element | str, *, wanted: bool) -> None:
        """Count a record, and keep it if it is wanted."""
        if wanted:
            written = (frame.written - _FILETIME_EPOCH) * 100
            self.rows.add(event, offset=frame.offset, written=written if 0 < written < 1 << 62 else _NAT)
            self._loaded += 1
        else:
            self._other += 1
        if (self._loaded + self._other) % _REPORT_EVERY == 0:
            self._report(self._loaded + self._other, self._promised)

    def _report(self, done: int, promised: int) -> None:
        if self.asked.progress:
            self.asked.progress(done, max(done, promised))

    def _flushed(self) -> Iterator[Batch]:
        if len(self.rows) >= _FLUSH:
            yield self.rows.batch()

    def summary(self) -> pd.DataFrame:
        """The one-row `sources` table of this file, as far as a loader knows it."""
        ids = self._ids
        row = {
            "engine": " + ".join(sorted(self.engines)) or None,
            "promised": self._promised,
            "loaded": self._loaded,
            "other": self._other,
            "lost": self.problems.lost,
            "first_record": int(ids.min()) if len(ids) else None,
            "last_record": int(ids.max()) if len(ids) else None,
            "wrapped": bool(len(ids)) and int(ids.min()) > 1,
            "dirty": self._framing.dirty,
        }
        return pd.DataFrame([row])


def _twice(ids: np.ndarray) -> list[int]:
    """The record ids that are there more than once."""
    found, count = np.unique(ids, return_counts=True)
    return found[count > 1].tolist()
