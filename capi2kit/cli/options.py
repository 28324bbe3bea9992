"""Options that all verbs share, declared once; `verb` gives them to a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

SELECT, SHOW = "Selection", "Output"


@dataclass(frozen=True)
class Common:
    """What the user said beyond the verb."""

    logs: list[str]
    since: str | None
    until: str | None
    tz: str
    process: str | None
    pid: int | None
    host: str | None
    engine: str
    strict: bool
    output: str | None
    form: str | None
    quiet: bool
    verbose: bool
    no_color: bool


def _option(*names: str, metavar: str | None = None, text: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


DECLARED: dict[str, tuple[Any, Any]] = {
    "logs": (
        Annotated[
            list[str], typer.Argument(metavar="LOG...", help="Log, folder, pattern or .zip.", show_default=False)
        ],
        inspect.Parameter.empty,
    ),
    "since": (
        Annotated[str | None, _option("--from", metavar="TIME", text="Only what begins at or after TIME.")],
        None,
    ),
    "until": (Annotated[str | None, _option("--to", metavar="TIME", text="Only what begins before TIME.")], None),
    "tz": (Annotated[str, _option("--tz", metavar="ZONE", text="Show and read times in this IANA zone (UTC).")], "UTC"),
    "process": (
        Annotated[str | None, _option("--process", metavar="NAME", text="Only this image name, e.g. w3wp.exe.")],
        None,
    ),
    "pid": (Annotated[int | None, _option("--pid", metavar="N", text="Only this process id.")], None),
    "host": (Annotated[str | None, _option("--host", metavar="NAME", text="Only this computer.")], None),
    "engine": (Annotated[str, _option("--engine", metavar="NAME", text="auto, evtx or python-evtx.")], "auto"),
    "strict": (Annotated[bool, _option("--strict", text="Stop with exit code 4 if a record is lost.")], False),
    "output": (
        Annotated[str | None, _option("-o", "--output", metavar="FILE", text="Write there instead of stdout.")],
        None,
    ),
    "form": (
        Annotated[str | None, _option("-f", "--format", metavar="FORM", text="text, csv or jsonl; html for a report.")],
        None,
    ),
    "quiet": (Annotated[bool, _option("-q", "--quiet", text="No talk on stderr.")], False),
    "verbose": (Annotated[bool, _option("-v", "--verbose", text="More talk on stderr.")], False),
    "no_color": (Annotated[bool, _option("--no-color", text="No colours (NO_COLOR works, too).")], False),
}


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """Turn `function(common, **own)` into a command that also takes every shared option."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    first = [parameter for parameter in own if parameter.name == "what"]
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=DECLARED[field.name][0],
            default=DECLARED[field.name][1],
        )
        for field in fields(Common)
    ]
    rest = [parameter for parameter in own if parameter.name != "what"]

    def command(**given: Any) -> None:
        common = Common(**{field.name: given.pop(field.name) for field in fields(Common)})
        function(common, **given)

    named = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in [*first, *shared[:1], *rest, *shared[1:]]
    ]
    command.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in named}
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command
