"""What can be wrong with a command line."""

from __future__ import annotations


class UsageError(Exception):
    """An option cannot be read, or does not fit the verb."""
