"""The environment file: `.env`, or the one that `flask --env-file FILE` or FLASK_ENV_FILE names.

Guarantee: a named file is the only one. Flask alone would fill what it leaves open from `.env`, so that the settings of
two deployments mix.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import click
from dotenv import dotenv_values, find_dotenv
from flask.cli import load_dotenv
from flask.helpers import get_load_dotenv

NONE = {"FLASK_SKIP_DOTENV": "1", "FLASK_ENV_FILE": ""}
"""Variables for a process that shall read no file."""


def load() -> None:
    """Load the environment file; variables of the environment take precedence. FLASK_SKIP_DOTENV=1: load no `.env`."""
    named = _named_file()
    if not named:
        if get_load_dotenv():
            load_dotenv()
        return
    if not Path(named).is_file():
        sys.exit(f"The environment file {named} does not exist")
    load_dotenv(named, load_defaults=False)
    _unload_defaults(set(dotenv_values(named)))


def _named_file() -> str | None:
    """Return the file that the `flask` command, or the environment, names."""
    named = None
    if click.get_current_context(silent=True):  # Not in gunicorn, which has options of its own.
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("-e", "--env-file")
        named = parser.parse_known_args()[0].env_file
    return named or os.environ.get("FLASK_ENV_FILE")


def _unload_defaults(kept: set[str]) -> None:
    """Remove what `flask` has read from `.env` before it imported this; `kept` are the variables of the named file."""
    for default in (".flaskenv", ".env"):
        path = find_dotenv(default, usecwd=True)
        for name, value in dotenv_values(path).items() if path else ():
            if name not in kept and os.environ.get(name) == value:
                del os.environ[name]
