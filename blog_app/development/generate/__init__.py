"""Writes the files of a new resource in the style of those that are there, and the lines that others need for it.

What comes out is a beginning that runs: everybody reads, editors and admins write, and it passes its tests and all
checks at once. Nothing is written before everything has been worked out, so whatever is refused leaves no trace.
"""


class GenerateError(Exception):
    """The resource cannot be made; `str()` says why, and nothing has been written."""
