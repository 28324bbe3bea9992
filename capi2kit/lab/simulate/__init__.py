"""Simulate: a small model of how Windows checks certificates, from the proven facts of the real logs.

Time is counted in FILETIME ticks (100 ns). Threads are generators that yield how
long they take; `world` lets them run in the order of time. What the model does
not know of Windows it does not do.
"""
