"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from blog_app.config import DATABASE_NAMES


def databases_option(text: str = "A logical database; may be repeated. Default: all.") -> Callable[[Any], Any]:
    """Return an option `--database` that may be repeated, passed as `names`; `text` is its help."""
    return click.option("--database", "names", multiple=True, type=click.Choice(DATABASE_NAMES), help=text)


def database_option() -> Callable[[Any], Any]:
    """Return a required option `--database`, passed as `name`."""
    return click.option(
        "--database", "name", required=True, type=click.Choice(DATABASE_NAMES), help="The logical database."
    )
