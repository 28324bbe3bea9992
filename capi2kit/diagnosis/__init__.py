"""Diagnosis: rules over the tables → findings, what they cost, and what their remedies would change.

`rules` asks, `rulefiles` and `expressions` read what is asked, `costs` adds the waits behind a finding, `fixes` holds the
remedies, `replay` repeats the waits as a remedy would have them.
"""
