"""Redaction: names of people, computers and customers become pseudonyms; times, codes, public servers and the story stay.

`learn` collects the names from the tables (which columns hold which kind of name says `data/private.csv`; what everybody may
know, `data/publicnames.csv`), `Redactor.text` replaces them wherever they are. A pseudonym depends on a secret key and on the
name only: the same in every table, file and case of one key. The key file keeps which name is behind which pseudonym.
"""

from __future__ import annotations

from capi2kit.redaction.keys import Key, identify, open_key, save_key
from capi2kit.redaction.tables import redact, redacted_case, redactor_for
from capi2kit.redaction.texts import Redactor

__all__ = ["Key", "Redactor", "identify", "open_key", "redact", "redacted_case", "redactor_for", "save_key"]
