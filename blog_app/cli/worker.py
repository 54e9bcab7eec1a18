"""`flask worker`: the process that delivers events and runs periodic jobs."""

from __future__ import annotations

import signal
import threading

import click
from flask import current_app
from flask.cli import with_appcontext

from blog_app import logs
from blog_app.background import worker as loop
from blog_app.config import settings


@click.command()
@with_appcontext
def worker() -> None:
    """Deliver events and run periodic jobs until SIGTERM or Ctrl-C. Several may run."""
    logs.configure(settings().log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop.run(current_app._get_current_object(), stop)  # type: ignore[attr-defined]
