"""Extras: packages that only some outputs need; one that is missing is one clear sentence."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from capi2kit.errors import Capi2kitError

_INSTALL = "pip install 'capi2kit[report]'"


def needed(module: str, *, package: str, ending: str) -> ModuleType:
    """A module of an optional package. Raises Capi2kitError if it is not installed, or lacks a library of the system."""
    try:
        return import_module(module)
    except ImportError as err:
        raise Capi2kitError(f"{ending} reports need the package {package}: {_INSTALL} brings it") from err
    except OSError as err:  # WeasyPrint without Pango
        message = f"{ending} reports need {package}, which lacks a library of the system ({err}); docs/install.md says how to get it"
        raise Capi2kitError(message) from err
