"""`flask worker`: run the worker process."""

from __future__ import annotations

import signal
import threading

import click
from flask import current_app
from flask.cli import with_appcontext

from blog_app import logs
from blog_app.background import worker as worker_loop
from blog_app.config import ConfigurationError, settings
from blog_app.data import databases


@click.command()
@with_appcontext
def worker() -> None:
    """Deliver events and run periodic jobs until SIGTERM or Ctrl-C. Several workers can run at the same time."""
    logs.configure(settings().log_level)
    try:
        databases.wait_until_available(settings())
    except (ConfigurationError, databases.DatabaseUnreachable) as error:
        raise click.ClickException(str(error)) from error
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker_loop.run(current_app._get_current_object(), stop)  # type: ignore[attr-defined]
