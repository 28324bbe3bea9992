"""Notebook: what an object of capi2kit shows of itself in Jupyter, VS Code, nbconvert and on GitHub, and in a plain terminal.

Small HTML without script, class or style sheet: where a viewer leaves styles and pictures out, the words and tables stay.
"""
