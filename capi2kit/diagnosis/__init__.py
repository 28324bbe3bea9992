"""Diagnosis: rules over the tables → findings, what they cost, and what their remedies would change.

`rules` evaluates the rules, `rulefiles` and `expressions` read them, `costs` adds the waits behind a finding, `fixes`
holds the remedies, `replay` calculates the waits with a remedy in place.
"""
