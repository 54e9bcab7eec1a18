"""A progress bar with an estimated end on a terminal; elsewhere (a log, a release phase) a line every few seconds."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_INTERVAL = 10.0


class ProgressBar:
    """Shows how many of about `total` rows are done."""

    def __init__(self, title: str, total: int, done: int = 0, *, unit: str = "rows") -> None:
        self.title, self.total, self.first, self.unit = title, total, done, unit
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        self.began = self.printed = time.monotonic()

    def __enter__(self) -> ProgressBar:
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
            self.bar = Progress(*columns, *times, console=self.console)
            self.bar.start()
            self.task = self.bar.add_task(self.title[:60], total=self.total or None, completed=self.first)
        return self

    def update(self, done: int) -> None:
        """Show that `done` rows are done, including those of earlier runs."""
        self.total = max(self.total, done)  # The table's size was an estimate.
        if self.bar:
            self.bar.update(self.task, completed=done, total=self.total)
        elif time.monotonic() - self.printed > LINE_INTERVAL:
            self.printed = time.monotonic()
            rate = (done - self.first) / (self.printed - self.began)
            left = f"about {(self.total - done) / rate:.0f} s" if rate > 0 else "unknown time"
            line = f"{self.title}: {done:,} of about {self.total:,} {self.unit}, {left} left"
            self.console.print(line, soft_wrap=True, markup=False)

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()
