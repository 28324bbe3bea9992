"""`capi2kit pki`: who signed a trust list and until when, and the certificates and CRLs that lie beside a log."""

from __future__ import annotations

import argparse
from typing import IO, TYPE_CHECKING, NamedTuple

from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import moment, say, zone
from capi2kit.cli.options import Common
from capi2kit.cli.output import FORMS, check_output, console_of, encoding_of, form_of, opened, write_table
from capi2kit.writer import plain

if TYPE_CHECKING:
    import pandas as pd

    from capi2kit.case import Case

_UNCUT = 100_000  # wider than any line: only a terminal needs short ones
_MOST_PROBLEMS = 10


class _Found(NamedTuple):
    """The tables to be shown, and the names of the files."""

    lists: pd.DataFrame
    objects: pd.DataFrame
    matches: pd.DataFrame
    used: pd.DataFrame
    paths: dict[int, str]


def add_options(verb: argparse.ArgumentParser) -> None:
    """Files, the moment, the form."""
    verb.add_argument(
        "files", metavar="FILE", nargs="+", help="trust list, certificate, CRL, their cabinet or folder; and logs"
    )
    verb.add_argument("--at", metavar="TIME", help="judge at this moment, e.g. 2011-02-21T12:00Z (now)")
    verb.add_argument("--tz", metavar="ZONE", default="UTC", help="show times in this zone, and read --at in it (UTC)")
    verb.add_argument("-f", "--format", dest="form", metavar="FORM", help=", ".join(FORMS))
    verb.add_argument("-o", "--output", metavar="FILE", help="write to this file instead of stdout")
    verb.add_argument("--force", action="store_true", help="overwrite an existing file; never evidence")


def run(given: argparse.Namespace) -> int:
    """Judge the lists and objects at a moment, and print them; returns the exit code."""
    common = _common(given)
    form = form_of(common)
    at = _moment(common, given.at)
    from capi2kit.case import load

    zone(common)
    check_output(common)
    case = load(given.files)
    _say_problems(common, case)
    found = _judged(case, at)
    if form == "text":
        with opened(common) as file:
            _write(found, at=at, now=given.at is None, common=common, file=file)
    else:
        table = _one_table(found)
        write_table(table, common=common, key=list(table.columns))
    return 0


def _common(given: argparse.Namespace) -> Common:
    """The options in the form that the shared code wants."""
    none = dict.fromkeys(("since", "until", "process", "pid", "host"))
    flags = dict.fromkeys(("strict", "quiet", "verbose", "no_color"), False)
    said = {"output": given.output, "form": given.form, "force": given.force}
    return Common(logs=given.files, tz=given.tz, engine="auto", **said, **none, **flags)  # type: ignore[arg-type]


def _moment(common: Common, text: str | None) -> pd.Timestamp:
    """The moment asked for, or now. Raises UsageError if it is not one."""
    import pandas as pd

    try:
        at = pd.Timestamp.now("UTC").floor("s") if text is None else moment(common, text, option="--at")
        if at is None or pd.isna(at):
            raise ValueError(text)
        return at.as_unit("ns")
    except ValueError as err:
        raise UsageError(f"--at: {text!r} is not a time between 1678 and 2261; write 2011-02-21T12:00Z") from err


def _say_problems(common: Common, case: Case) -> None:
    """What was wrong with the files, on stderr."""
    messages = case.problems["message"].tolist()
    for message in messages[:_MOST_PROBLEMS]:
        say(common, message)
    if len(messages) > _MOST_PROBLEMS:
        say(common, f"{len(messages) - _MOST_PROBLEMS} more problems; `capi2kit info` lists them")


def _judged(case: Case, at: pd.Timestamp) -> _Found:
    """Everything there is to show. Raises NoEvents if there is nothing."""
    import pandas as pd

    from capi2kit.analysis import analyse
    from capi2kit.errors import NoEvents
    from capi2kit.questions.trust_lists import crl_validity, judge_lists, judge_objects, objects_in_log

    lists = judge_lists(case.trust_lists, case.certificates, at=at)
    objects = judge_objects(case.certificates, at=at)
    key = ["source", "kind", "thumbprint"]
    beside = pd.concat([lists[key], objects[key]]).astype({"source": "Int64"})
    logged = objects_in_log(beside, case.events, chain=case.chain, certificates=case.certificates)
    waits = analyse(case).waits if len(case.events) else pd.DataFrame({"event": []})
    used = crl_validity(waits, case.events, certificates=case.certificates)
    if not len(lists) and not len(objects) and not len(used):
        raise NoEvents(
            "there is no trust list, certificate or CRL in what was read, and no log that used one; "
            "name authrootstl.cab, a .stl, .cer or .crl, or a CAPI2 log"
        )
    paths = dict(zip(case.sources["source"], case.sources["path"], strict=True))
    return _Found(lists, objects, logged, used, paths)


def _write(found: _Found, *, at: pd.Timestamp, now: bool, common: Common, file: IO[str]) -> None:
    """The text form."""
    from capi2kit import words
    from capi2kit.render import trust_lists

    width = console_of(file, common).width
    shown = words.moment(at, common.tz, digits=0)
    lines = [f"Judged at {shown}" + (", which is now; --at chooses another moment" if now else ""), ""]
    lines += trust_lists.list_blocks(found.lists, paths=found.paths, tz=common.tz)
    if len(found.objects):
        lines += [f"{len(found.objects)} certificates, CRLs and OCSP responses in the files; valid at {shown}?"]
        lines += [*trust_lists.object_table(found.objects, paths=found.paths, tz=common.tz, width=width), ""]
    if len(found.matches):
        lines += ["Of these the log names:"]
        lines += [*trust_lists.match_table(found.matches, paths=found.paths, tz=common.tz, width=width), ""]
    if len(found.used):
        lines += _used_lines(found.used, tz=common.tz, width=width)
    text = "\n".join(row for line in lines for row in _fitting(line, width=width)).rstrip("\n")
    file.write(f"{plain(text, encoding_of(file))}\n")


def _fitting(line: str, *, width: int) -> list[str]:
    """A line as lines that fit, its indent kept."""
    from capi2kit.render.wrapping import wrapped

    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    return (
        [line]
        if len(line) <= width and line.isascii()
        else wrapped(text, width=width, first=indent, rest=f"{indent}  ")
    )


def _used_lines(used: pd.DataFrame, *, tz: str, width: int) -> list[str]:
    """How many of the CRLs that the log used were valid when it did, and those that were not."""
    from capi2kit.render import trust_lists

    wrong = used[(~used["valid"]).fillna(False).astype(bool)]
    valid, unknown = int(used["valid"].sum()), int(used["valid"].isna().sum())
    counts = f"{valid} were valid then, {len(wrong)} were not, {unknown} are not known"
    lines = [f"The log used CRLs and OCSP responses {len(used)} times: {counts}"]
    return [*lines, *trust_lists.used_table(wrong, tz=tz, width=width)] if len(wrong) else lines


def _one_table(found: _Found) -> pd.DataFrame:
    """Lists and objects in one table, for CSV and JSON lines."""
    import pandas as pd

    lists = found.lists.assign(object="list")
    objects = found.objects.assign(object=found.objects["kind"])
    names = dict.fromkeys(["object", "path", *lists.columns, *objects.columns])
    parts = [part for part in (lists, objects) if len(part)]
    table = pd.concat(parts or [lists], ignore_index=True)
    return table.assign(path=table["source"].map(found.paths)).reindex(columns=list(names))
