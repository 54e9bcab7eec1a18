"""A progress bar with an estimated end on a terminal; elsewhere (a log, a release phase) a line every few seconds."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

LINE_INTERVAL = 10.0


class ProgressBar:
    """Shows how many of about `total` rows are done, on standard error."""

    def __init__(self, title: str, total: int, done: int = 0, *, unit: str = "rows") -> None:
        self.title, self.total, self.first, self.done, self.unit = title, total, done, done, unit
        self.bar: Any = None
        self.began = self.printed = time.monotonic()

    def __enter__(self) -> ProgressBar:
        if sys.stderr.isatty():
            self.bar = click.progressbar(
                length=max(self.total, 1), label=self.title[:60], show_pos=True, show_eta=True, file=sys.stderr
            )
            self.bar.__enter__()
            self.bar.update(self.first)
        return self

    def update(self, done: int) -> None:
        """Show that `done` rows are done, including those of earlier runs."""
        self.total = max(self.total, done)  # The table's size was an estimate.
        if self.bar:
            self.bar.length = max(self.total, 1)
            self.bar.update(done - self.done)
        elif time.monotonic() - self.printed > LINE_INTERVAL:
            self.printed = time.monotonic()
            rate = (done - self.first) / (self.printed - self.began)
            left = f"about {(self.total - done) / rate:.0f} s" if rate > 0 else "unknown time"
            click.echo(f"{self.title}: {done:,} of about {self.total:,} {self.unit}, {left} left", err=True)
        self.done = done

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.__exit__(*error)
