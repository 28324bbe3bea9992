"""`capi2kit query`: one question to a store, by its name or in SQL."""

from __future__ import annotations

import argparse

from capi2kit.cli.errors import UsageError
from capi2kit.cli.options import Common
from capi2kit.cli.output import FORMS, check_output, write_table


def add_options(verb: argparse.ArgumentParser) -> None:
    """The store, the question, the form."""
    verb.add_argument("store", metavar="STORE", help="the folder of the store")
    verb.add_argument(
        "question", metavar="NAME|SQL", nargs="?", help="a named question or a SELECT; all names if not given"
    )
    verb.add_argument(
        "--set", metavar="NAME=VALUE", dest="values", action="append", default=[], help="a parameter of the question"
    )
    verb.add_argument("-f", "--format", dest="form", metavar="FORM", help=", ".join(FORMS))
    verb.add_argument("-o", "--output", metavar="FILE", help="write to this file instead of stdout")
    verb.add_argument("--force", action="store_true", help="overwrite an existing file; never evidence")


def run(given: argparse.Namespace) -> int:
    """Ask and print the answer; returns the exit code."""
    from capi2kit.knowledge.queries import queries
    from capi2kit.store import open_store

    if given.question is None:
        for name, query in queries().items():
            more = "".join(f" --set {parameter}={value}" for parameter, value in query.parameters.items())
            print(f"{name}: {query.title}{f' ({more.strip()})' if more else ''}")
        return 0
    common = _common(given)
    check_output(common)
    answer = open_store(given.store).query(given.question, **_values(given.values))
    if answer.empty and common.form in (None, "text"):
        print("no row answers this question")
        return 0
    write_table(answer, common=common, key=list(answer.columns))
    return 0


def _values(said: list[str]) -> dict[str, str]:
    """Parameters by name. Raises UsageError for one without a value."""
    pairs = [one.partition("=") for one in said]
    if wrong := [name for name, mark, _ in pairs if not mark]:
        raise UsageError(f"--set: write {wrong[0]}=VALUE")
    return {name: value for name, _, value in pairs}


def _common(given: argparse.Namespace) -> Common:
    """The options in the form that the shared code wants."""
    none = dict.fromkeys(("since", "until", "process", "pid", "host"))
    flags = dict.fromkeys(("strict", "quiet", "verbose", "no_color"), False)
    said = {"output": given.output, "form": given.form, "force": given.force}
    return Common(logs=[given.store], tz="UTC", engine="auto", **said, **none, **flags)  # type: ignore[arg-type]
