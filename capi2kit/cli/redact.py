"""`capi2kit redact`: evidence with pseudonyms in the place of names, to share; and the names behind them, with the key."""

from __future__ import annotations

import argparse
import os
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_case, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import inputs

if TYPE_CHECKING:
    from capi2kit.case import Case
    from capi2kit.redaction import Redactor

_DAY = (1980, 1, 1, 0, 0, 0)
_ENDINGS = ".evtx, .zip, .xml, .csv, .jsonl or .parquet"


def add_options(verb: argparse.ArgumentParser) -> None:
    """The shared options, of which `--redact` names the key, and the way back."""
    options.add_options(verb, logs="*")
    verb.add_argument(
        "--identify", metavar="TEXT", help="print TEXT (or the text file of that name) with the names put back"
    )


def run(common: Common, *, identify: str | None) -> None:
    """Write redacted evidence to -o and say what is in it, after a check that no name is left and nothing else has changed."""
    if common.redact is None:
        raise UsageError("redact: name a key with --redact KEYFILE; a new file gets a new key, which only you can read")
    if identify is not None:
        print(_identified(identify, common.redact))
        return
    if not common.logs:
        raise UsageError("redact: name the evidence, a log, folder, pattern or .zip")
    if common.output is None:
        raise UsageError(f"redact: name a file with -o that ends in {_ENDINGS}")
    ending = os.path.splitext(common.output)[1].lower()
    writers = {".evtx": _log, ".zip": _archive, ".xml": _xml}
    if ending in writers:
        _write_evidence(common, writers[ending])
    elif ending in (".csv", ".jsonl", ".parquet"):
        from capi2kit.cli.export import run as export

        export(common, tables=[])
    else:
        raise UsageError(f"redact: -o must end in {_ENDINGS}, not in {ending or 'nothing'}")


def _identified(text: str, key: str) -> str:
    from capi2kit.errors import OutputError
    from capi2kit.redaction import identify, open_key

    if not os.path.exists(key):
        raise OutputError(f"{key}: there is no such key", path=key)
    if os.path.isfile(text):
        with open(text, encoding="utf-8", errors="replace") as file:
            text = file.read().rstrip("\n")
    return identify(text, open_key(key))


def _write_evidence(common: Common, write: Any) -> None:
    from dataclasses import replace

    from capi2kit.errors import OutputError
    from capi2kit.redaction import open_key, redactor_for, save_key
    from capi2kit.redaction.leaks import names_left, secret_names
    from capi2kit.words import count, visible
    from capi2kit.writer import check_target, write_file

    assert common.redact is not None and common.output is not None
    check_target(common.output, evidence=inputs(common), force=common.force)
    case = open_case(replace(common, redact=None, output=None))
    key = open_key(common.redact)
    redactor = redactor_for(case, key)
    content, checked, said = write(case, redactor)
    secret = secret_names(redactor.vocabulary)
    if left := sorted({name for part in checked for name in names_left(part, secret)}):
        shown = ", ".join(visible(name) for name in left[:5])
        message = f"{count(len(left), 'name')} would be left in it ({shown}); nothing was written. Please report this"
        raise OutputError(f"{common.output}: {message}", path=common.output)
    save_key(key, common.redact)
    write_file(common.output, content, evidence=[*inputs(common), common.redact], force=common.force)
    print(visible(common.output))
    for line in said:
        print(visible(line))
    print(f"None of the {len(secret):,} names and hashes of the evidence is left in it.")
    _compare(common, case)


def _log(case: Case, redactor: Redactor) -> tuple[bytes, list[bytes], list[str]]:
    from capi2kit.redaction.files import redacted_log

    logs = case.sources.loc[case.sources["loader"] == "evtx", "source"].tolist()
    if len(logs) != 1:
        raise UsageError(f"redact: an .evtx holds one log, and there are {len(logs)} here; name one, or write a .zip")
    content, said = redacted_log(case, redactor, source=int(logs[0]))
    return content, [content], [said]


def _xml(case: Case, redactor: Redactor) -> tuple[bytes, list[bytes], list[str]]:
    from capi2kit.redaction.files import events_xml

    content, said = events_xml(case, redactor)
    return content, [content], [said]


def _archive(case: Case, redactor: Redactor) -> tuple[bytes, list[bytes], list[str]]:
    from capi2kit.redaction.files import redacted_files

    made = BytesIO()
    parts, said = [], []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in redacted_files(case, redactor):
            said.append(f"{file.name}: {file.said}")
            if file.content is not None:
                info = zipfile.ZipInfo(file.name, _DAY)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, file.content)
                parts += [file.content, file.name.encode()]
    return made.getvalue(), parts, said


def _compare(common: Common, case: Case) -> None:
    """Read what was written, analyse both, and say whether the seconds and findings are the same."""
    from capi2kit.analysis import analyse
    from capi2kit.case import load
    from capi2kit.words import count, seconds

    assert common.output is not None
    old, new = analyse(case), analyse(load(common.output, tz=common.local))
    facts = [
        (one.waits["wait_s"].round(3).fillna(-1).tolist(), _findings(one), one.startups["wall_s"].round(3).tolist())
        for one in (old, new)
    ]
    total = seconds(float(new.waits["wait_s"].fillna(0).sum()))
    if facts[0] == facts[1]:
        print(
            f"The same {count(len(new.waits), 'wait')} ({total}), start-ups and {count(len(new.findings), 'finding')} as before."
        )
        return
    changed = [
        name for name, one, other in zip(("waits", "findings", "start-ups"), *facts, strict=True) if one != other
    ]
    say(
        common,
        f"not the same as before: {', '.join(changed)}; what was left out above, or the form of the file, may be the reason",
    )


def _findings(analysis: Any) -> list[tuple[Any, ...]]:
    found = analysis.findings
    return sorted(zip(found["rule"], found["severity"], found["cost_s"].round(3), strict=True))
