"""A progress bar with an estimated end, on a terminal; a line now and then elsewhere (a log, a release phase)."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY = 10.0


class Bar:
    """Shows how many of about `total` rows are done."""

    def __init__(self, title: str, total: int, done: int = 0, *, unit: str = "rows") -> None:
        self.title, self.total, self.began_at, self.unit = title, total, done, unit
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        self.began = self.spoken = time.monotonic()

    def __enter__(self) -> Bar:
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
            self.bar = Progress(*columns, *times, console=self.console)
            self.bar.start()
            self.task = self.bar.add_task(self.title[:60], total=self.total or None, completed=self.began_at)
        return self

    def reached(self, done: int) -> None:
        """Say that `done` rows are done, of those that were done before this run too."""
        self.total = max(self.total, done)  # The table's size was an estimate.
        if self.bar:
            self.bar.update(self.task, completed=done, total=self.total)
        elif time.monotonic() - self.spoken > LINE_EVERY:
            self.spoken = time.monotonic()
            rate = (done - self.began_at) / (self.spoken - self.began)
            left = f"about {(self.total - done) / rate:.0f} s" if rate > 0 else "who knows how long"
            line = f"{self.title}: {done:,} of about {self.total:,} {self.unit}, {left} left"
            self.console.print(line, soft_wrap=True, markup=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()
