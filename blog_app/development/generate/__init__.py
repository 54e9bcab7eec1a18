"""Code generation: `flask generate resource` and `flask generate database`.

Both write new files from templates and insert lines at fixed places of existing files. What they write runs at once and
passes all checks and its tests. Everything is worked out in memory first: an error leaves no file changed.
"""

from click import ClickException


class GenerateError(ClickException):
    """It cannot be generated; the message says why, and nothing has been written."""
