"""Event forms: the facts of one record → its XML, by the templates in `events/`.

Each template is one kind of record as Windows writes it: ids, task, opcode and
keywords are written there, not in Python. Names of flags and texts of result codes
come from the knowledge tables.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree

from capi2kit.binxml import filetime_text
from capi2kit.knowledge import codes, normal_code, rows

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

FORMS = Path(__file__).parent / "events"
SECOND = 10_000_000  # FILETIME ticks: the lab counts time in units of 100 ns
MILLISECOND = 10_000
_PARSER = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True)


def write_event(form: str, facts: dict[str, object]) -> etree._Element:
    """The Event element of one record; `form` is the name of a template in `events/`."""
    return etree.fromstring(_forms().get_template(f"{form}.xml").render(facts), _PARSER)


@cache
def _forms() -> Environment:
    import jinja2

    forms = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FORMS), autoescape=True, undefined=jinja2.StrictUndefined, auto_reload=False
    )
    forms.filters |= {
        "ticks": filetime_text,
        "second": second_text,
        "millisecond": millisecond_text,
        "limit": limit_text,
        "measured": measured_text,
        "span": span_text,
        "hex": "{:X}".format,
        "text": code_text,
        "flags": _flags,
    }
    return forms


def second_text(moment: int) -> str:
    """A time as Windows writes those of certificates: whole seconds."""
    return f"{filetime_text(moment)[:19]}Z"


def millisecond_text(moment: int) -> str:
    """A time as Windows writes those of a call: milliseconds, truncated."""
    return f"{filetime_text(moment)[:23]}Z"


def measured_text(length: int) -> str:
    """A length as the stopwatch of Windows writes it: ``PT10.000100S``."""
    return f"PT{length / SECOND:.6f}S"


def limit_text(length: int) -> str:
    """A time limit as ISO 8601, truncated to milliseconds: ``PT9.976S``, ``PT20S``."""
    seconds, rest = divmod(length // MILLISECOND, 1000)
    return f"PT{seconds}.{rest:03d}S" if rest else f"PT{seconds}S"


def span_text(length: int) -> str:
    """An age as ISO 8601 with days: ``P25DT21H44M7S``."""
    minutes, seconds = divmod(abs(length) // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{'-' if length < 0 else ''}P{f'{days}D' if days else ''}T{hours}H{minutes}M{seconds}S"


def code_text(code: int) -> str:
    """What Windows says about a result code, in English; nothing for success."""
    known = codes().get(normal_code(code))
    return known.text if known and code else ""


@cache
def _names(family: str) -> tuple[tuple[int, str], ...]:
    """Bits and names of the flags whose family begins so."""
    found = tuple(
        (int(row["value"], 0), row["name"])
        for row in rows("flags")
        if row["family"].startswith(family) and row["kind"] in ("bit", "enum") and int(row["value"] or "0", 0)
    )
    if not found:
        raise ValueError(f"no flags of the family {family!r} in flags.csv")
    return found


@cache
def _flags(value: int, *families: str) -> Markup:
    """The attributes of a flag element: the value in hex, then the names of its bits."""
    from markupsafe import Markup

    named = [name for family in families for bit, name in _names(family) if value & bit == bit]
    return Markup(" ".join([f'value="{value:X}"', *(f'{name}="true"' for name in named)]))
