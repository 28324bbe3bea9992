"""Triage: what a collection of a computer's files holds beside logs: registry hives, URL caches, settings of IIS, who was collected.

Each module is a loader. A file is known by what is in it; whose it is, by its usual place in Windows (see `places`), whatever tool
copied it there: KAPE, Velociraptor, CyLR, robocopy.
"""
