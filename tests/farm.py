"""A farm in a few files: the story of `small_logs` on computers with other names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from evtx_bytes import log_of
from small_logs import story


def log_on(computer: str, *, number: int = 1, url: str = "http://crl.example/ca.crl") -> bytes:
    """The log of one computer; `number` makes its tasks its own."""
    return log_of([replace(event, computer=computer) for event in story(task=UUID(int=number << 96 | 1), url=url)])


def farm(folder: Path, *, computers: int = 3) -> Path:
    """A folder with one log per computer: SRV01, SRV02, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, computers + 1):
        (folder / f"srv{number:02}.evtx").write_bytes(log_on(f"SRV{number:02}", number=number))
    return folder
