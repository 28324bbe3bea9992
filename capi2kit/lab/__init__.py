"""The lab: labelled evidence whose truth is known, for tests and training.

It writes what the loaders read and shares no code with the analysis, so that
the one can prove the other.
"""
