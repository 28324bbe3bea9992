"""`capi2kit explain`: a code, an event id or the value of a flag in plain words."""

from __future__ import annotations

import argparse

from capi2kit.errors import EvidenceError


def add_options(verb: argparse.ArgumentParser) -> None:
    """What is to be explained."""
    verb.add_argument(
        "what", metavar="WHAT", nargs="+", help="80092012, 2F94, 53, ErrorStatus=1000040, CERT_E_CHAINING"
    )


def run(given: argparse.Namespace) -> int:
    """Print all that each text may mean. Raises EvidenceError if one means nothing that is known."""
    from capi2kit.questions.explain import explain
    from capi2kit.render.words import visible

    for place, what in enumerate(given.what):
        found = explain(what)
        if not found:
            message = (
                f"{visible(what)[:80]!r} is no code, event id, flag or symbol that is known; codes are hexadecimal"
            )
            raise EvidenceError(message)
        for number, one in enumerate(found):
            gap = "\n" if place or number else ""
            print(
                gap
                + f"{one.kind}: {one.name}\n  {one.text or 'no more than its name is known'}\n  source: {one.source}"
            )
    return 0
