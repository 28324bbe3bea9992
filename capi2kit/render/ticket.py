"""Ticket: one remedy with its reasons → a text for a terminal, or Markdown for a ticket system.

Text from a log is shown as it is and cannot act: control characters are written out, and what Markdown reads as markup is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from capi2kit import words
from capi2kit.diagnosis.steps import CMD, PS, SENTENCE, Step, filled
from capi2kit.questions.tickets import Ticket
from capi2kit.render.wrapping import command, wrapped

TEAMS = {
    "firewall": "the firewall team",
    "proxy": "the proxy team",
    "pki": "the PKI team",
    "server": "the server team",
    "security": "the security team",
}
_KINDS = {
    "cure": "a cure",
    "workaround": "a workaround: the cause stays",
    "never": "common advice that nobody should follow",
}
_MARKUP = re.compile(r"([\\`*_\[\]<>|#~])")
WIDTH = 100
_MOST = 12  # records and lines of one kind that are named one by one
_SHELLS = {CMD: "In cmd.exe, as an administrator:", PS: "In PowerShell:"}


class _Line(NamedTuple):
    """A sentence, or (`command`) a line to copy; `item`: one of a list."""

    text: str
    command: bool = False
    item: bool = False
    shell: str = PS


_Part = tuple[str, list[_Line]]


def write_ticket(
    ticket: Ticket, *, records: Sequence[dict[str, Any]] = (), markdown: bool = False, width: int = WIDTH
) -> str:
    """The ticket as text, at most `width` columns wide where it is not a command, or as Markdown."""
    title = f"{ticket.fix.title} ({ticket.fix.id})"
    parts = list(_parts(ticket, records))
    return _markdown(title, parts) if markdown else _text(title, parts, width=width)


def _parts(ticket: Ticket, records: Sequence[dict[str, Any]]) -> Iterable[_Part]:
    fix = ticket.fix
    yield "Request", [_Line(f"For {TEAMS[fix.team]}. This is {_KINDS[fix.kind]}. Where: {fix.account}.")]
    reasons = [_Line(_reason(row), item=True) for row in ticket.reasons.to_dict("records")[:_MOST]]
    yield (
        "Reason",
        reasons
        or [
            _Line(
                "TEMPLATE: no finding of this log names this remedy, so nothing could be filled in. Replace the words in <angle brackets>."
            )
        ],
    )
    if savings := [_Line(_saving(row), item=True) for row in ticket.savings.to_dict("records")[:_MOST]]:
        yield "What it would save", savings
    if ways := list(_ways(ticket)):
        yield "From where to where", ways
    yield "What to do", list(_steps(filled(fix.commands, ticket.names)))
    yield "Effect", [_Line(fix.effect)]
    yield "Risk", [_Line(fix.risk)]
    yield "What it does not do", [_Line(fix.does_not)]
    yield "Versions", [_Line(fix.versions)]
    yield "How to check", list(_steps(filled(fix.check, ticket.names)))
    yield "How to undo", list(_steps(filled(fix.undo, ticket.names)))
    if records:
        yield "Evidence", [_Line(_cited(one), item=True) for one in records]


def _reason(row: dict[Any, Any]) -> str:
    said = f"{words.visible(row['title'])}. Seen: {words.visible(row['finding'])}."
    return f"{said}{words.inferred(row['inferred'])} How sure: {row['certainty']} ({words.visible(row['because'])})."


def _saving(row: dict[Any, Any]) -> str:
    if words.is_missing(row["saved_s"]):
        saved = f"between {words.seconds(row['low_s'])} and {words.seconds(row['high_s'])}"
    else:
        bounds = f"at least {words.saved_at_least(row['low_s'])}, at most {words.seconds(row['high_s'])}"
        saved = f"{words.seconds(row['saved_s'])} ({bounds})"
    if words.is_missing(row["startup"]):
        return f"{saved} outside of every start-up"
    who = f"{words.with_pid(row['process'], row['pid'])} on {words.visible(row['host'])}"
    return f"{saved} of the {words.seconds(row['wall_s'])} that {who} took to start"


def _ways(ticket: Ticket) -> Iterable[_Line]:
    """Who asks which server at which port, as which account."""
    names = ticket.names
    if not names["server"]:
        return
    for what, word in (("from", "host"), ("as", "account"), ("program", "process"), ("through the proxy", "proxy")):
        if names[word]:
            yield _Line(f"{what}: {words.visible(', '.join(names[word][:_MOST]))}", item=True)
    for server, port in zip(names["server"], names["server_ports"], strict=False):  # all: a firewall needs every one
        yield _Line(f"to: {words.visible(server)}, TCP port {port}", item=True)


def _steps(steps: Iterable[Step]) -> Iterable[_Line]:
    shell = ""
    for step in steps:
        if step.kind == SENTENCE:
            shell = ""
            yield _Line(words.visible(step.text), item=True)
            continue
        if step.warning:
            yield _Line(f"Before the next line: {step.warning}.", item=True)
        if step.kind != shell:
            shell = step.kind
            yield _Line(_SHELLS[shell], item=True)
        yield _Line(words.visible(step.text), command=True, shell=step.kind)


def _cited(one: dict[str, Any]) -> str:
    shown = [words.numbered(one[f"{kind}s"], kind, most=_MOST) for kind in ("record", "line") if one[f"{kind}s"]]
    return f"{words.file_name(one['path'])}, SHA-256 {one['sha256']}: {', '.join(shown)}"


def _text(title: str, parts: list[_Part], *, width: int) -> str:
    lines = [*wrapped(title, width=width), "=" * min(len(title), width)]
    for heading, body in parts:
        lines += ["", heading]
        for line in body:
            if line.command:
                lines += command(line.text, width=width, shell=line.shell, indent="      ")
                continue
            first, rest = ("  - ", "    ") if line.item else ("  ", "  ")
            lines += wrapped(line.text, width=width, first=first, rest=rest)
    return "\n".join(lines) + "\n"


def _markdown(title: str, parts: list[_Part]) -> str:
    lines = [f"# {_escaped(title)}"]
    for heading, body in parts:
        lines += ["", f"## {heading}", ""]
        for line, before in zip(body, [None, *body], strict=False):
            if line.command:
                lines += ["", f"      {line.text}"] if before and not before.command else [f"      {line.text}"]
            else:
                lines += [""] if before and before.command else []
                lines.append(f"- {_escaped(line.text)}" if line.item else _escaped(line.text))
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", text)
