"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from blog_app.config import DATABASE_NAMES


def databases_option(text: str = "A logical database; may be repeated. Default: all.") -> Callable[[Any], Any]:
    """Return an option `--database` that may be repeated, passed as `names`, by default all; `text` is its help."""
    names = click.Choice(DATABASE_NAMES)
    return click.option("--database", "names", multiple=True, type=names, default=DATABASE_NAMES, help=text)


def database_option() -> Callable[[Any], Any]:
    """Return a required option `--database`, passed as `name`."""
    names = click.Choice(DATABASE_NAMES)
    return click.option("--database", "name", required=True, type=names, help="The logical database.")
