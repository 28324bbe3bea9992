"""`capi2kit verify`: make a report again from the evidence, and say whether it is the same."""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import Any

DIFFERENT = 1


def add_options(verb: argparse.ArgumentParser) -> None:
    """The report, what it is from, and where its manifest is."""
    verb.add_argument("report", metavar="REPORT", help="a report of `capi2kit report`")
    verb.add_argument(
        "logs", metavar="EVIDENCE", nargs="+", help="the files that it was made from: file, folder, pattern or .zip"
    )
    verb.add_argument("--manifest", metavar="FILE", help="its manifest (the file beside it, REPORT.manifest.json)")
    verb.add_argument("--redact", metavar="KEYFILE", help="the key, if the report was redacted")
    verb.add_argument("-q", "--quiet", action="store_true", help="no messages on stderr")


def run(given: argparse.Namespace) -> int:
    """Say `equal`, or name what differs; the exit code is 0 or 1."""
    from capi2kit.cli.report import build
    from capi2kit.render import output_for
    from capi2kit.render.differences import differences
    from capi2kit.render.manifest import (
        ENDING,
        PROGRAM,
        archives_in,
        as_given,
        changed_inputs,
        read_manifest,
        sha256_of,
    )
    from capi2kit.words import visible

    manifest = read_manifest(given.manifest or f"{given.report}{ENDING}")
    old = _content(given.report)
    said = _report_changed(given.report, manifest, sha256=sha256_of(given.report))
    said += _own_files_changed(manifest)
    ending = output_for(given.report)
    renamed, archives = partial(as_given, manifest=manifest), archives_in(manifest)
    built = build(_common(given, manifest), manifest["edition"], extension=ending, renamed=renamed, archives=archives)
    said += changed_inputs(manifest, built.analysis.case.sources)
    said += differences(old, built.content, ending=ending)
    if said and manifest["program"] != PROGRAM:
        said.append(
            f"the report was made by {manifest['program']}, this is {PROGRAM}: figures and words may differ for that reason"
        )
    elif said and (packages := _packages_changed(manifest)):
        said.append(f"it was made with other packages ({packages}): pictures and pages may differ for that reason")
    for sentence in said:
        print(visible(sentence))
    print("DIFFERENT" if said else f"equal: {visible(given.report)} is what the evidence gives, byte for byte")
    return DIFFERENT if said else 0


def _content(path: str) -> bytes:
    from capi2kit.errors import EvidenceError

    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as err:
        raise EvidenceError(f"{path}: cannot be read ({err.strerror})", source=path) from err


def _report_changed(path: str, manifest: dict[str, Any], *, sha256: str) -> list[str]:
    if sha256 == manifest["report"]["sha256"]:
        return []
    return [f"{path}: was changed after it was made: SHA-256 {manifest['report']['sha256']} then, {sha256} now"]


def _own_files_changed(manifest: dict[str, Any]) -> list[str]:
    """The logo, notes, template and rules that are not what they were."""
    from capi2kit.errors import EvidenceError
    from capi2kit.render.manifest import sha256_of

    said = []
    for path, digest in manifest["own_files"].items():
        try:
            if sha256_of(path) != digest:
                said.append(f"{path}: was changed after the report was made")
        except EvidenceError as err:
            said.append(str(err))
    return said


def _packages_changed(manifest: dict[str, Any]) -> str:
    from capi2kit.render.manifest import packages

    now = packages()
    pairs = [(name, then, now.get(name, "none")) for name, then in manifest["packages"].items()]
    return ", ".join(f"{name} {then} then, {this} now" for name, then, this in pairs if then != this)


def _common(given: argparse.Namespace, manifest: dict[str, Any]) -> Any:
    """The options of the report, from its manifest."""
    from capi2kit.cli.options import Common
    from capi2kit.cli.output import CHOSEN
    from capi2kit.errors import EvidenceError

    plain: dict[str, Any] = {"since": None, "until": None, "process": None, "pid": None, "host": None, "engine": "auto"}
    plain |= {"strict": False, "form": None, "quiet": given.quiet, "verbose": False, "no_color": True}
    options = manifest["options"]
    if unknown := set(options) - set(CHOSEN):
        raise EvidenceError(f"the manifest has options that this version does not know: {', '.join(sorted(unknown))}")
    if "redact" in options:
        _check_key(given.redact, options["redact"])
    own = {**plain, **options, "redact": given.redact if "redact" in options else None}
    own |= {name: _put_back(own[name], own["redact"]) for name in ("host", "process")}
    return Common(logs=given.logs, tz=options.get("local") or "UTC", output=None, **own)


def _put_back(name: str | None, key: str | None) -> str | None:
    """A name as the user typed it: the manifest of a redacted report has its pseudonym."""
    from capi2kit.redaction import identify, open_key

    return identify(name, open_key(key)) if name and key else name


def _check_key(path: str | None, name: str) -> None:
    """Raises UsageError unless this is the key that the report was redacted with."""
    from capi2kit.cli.errors import UsageError
    from capi2kit.cli.report import key_name

    if path is None or not os.path.exists(path):
        raise UsageError(f"verify: the report was redacted; name its key with --redact KEYFILE ({name})")
    if key_name(path) != name:
        raise UsageError(f"verify: {path} is not the key of this report ({name})")
