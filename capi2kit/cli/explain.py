"""`capi2kit explain`: a code, an event id or the value of a flag in plain words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from capi2kit.errors import EvidenceError


def add_options(verb: argparse.ArgumentParser) -> None:
    """What is to be explained."""
    verb.add_argument(
        "what",
        metavar="WHAT",
        nargs="+",
        help="80092012, 2F94, -2146885613, 53, ErrorStatus=1000040, CERT_E_CHAINING; - for an event pasted on standard input",
    )


def run(given: argparse.Namespace) -> int:
    """Print all that each text may mean, then those that mean nothing that is known. 1 if none of them is known."""
    if given.what == ["-"]:
        return _pasted(sys.stdin.buffer.read())
    from capi2kit.knowledge.sources import sources_of
    from capi2kit.questions.explain import explain, similar
    from capi2kit.words import visible

    found = {what: explain(what) for what in given.what}
    gap = ""
    for one in (one for meanings in found.values() for one in meanings):
        print(f"{gap}{one.kind}: {one.name}\n  {one.text or 'only its name is known'}")
        for source in sources_of(one.source):
            print(f"  source: {source.what}; {source.address}")
        gap = "\n"
    unknown = [what for what, meanings in found.items() if not meanings]
    sys.stdout.flush()
    for what in unknown:
        guesses = similar(what)
        hint = f"; did you mean {' or '.join(guesses)}?" if guesses else ""
        print(
            f"not known: {visible(what)[:80]!r} is no code, event id, flag or symbol in the tables{hint}",
            file=sys.stderr,
        )
    return 1 if len(unknown) == len(found) else 0


def _pasted(text: bytes) -> int:
    """Events from text as people paste it: what each one is, its codes and flags, and what was found in them."""
    from capi2kit.analysis import analyse
    from capi2kit.case import load
    from capi2kit.diagnosis.fixes import fixes
    from capi2kit.questions.explain import explain_event
    from capi2kit.words import visible

    with TemporaryDirectory() as folder:
        path = Path(folder) / "pasted.txt"
        path.write_bytes(text)
        analysis = analyse(load(path))
    if analysis.case.events.empty:
        raise EvidenceError("there is no event in the text; paste its XML, its Friendly View or its General tab")
    for row in analysis.case.events.reset_index().to_dict("records"):
        for number, one in enumerate(explain_event(row)):
            print(f"{'  ' if number else ''}{one.kind}: {visible(one.name)}")
            print(f"{'    ' if number else '  '}{one.text or 'only its name is known'}")
        print()
    for row in analysis.findings.to_dict("records"):
        print(f"{row['severity']}, {row['certainty']}: {visible(row['finding'])}")
        print("".join(f"  remedy: {fixes()[name].title}\n" for name in row["fixes"].split()), end="")
    return 0
