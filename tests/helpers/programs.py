"""Programs that tests start: each ends with its block, or with the tests, whatever becomes of them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from blog_app.config import ROOT
from blog_app.development.local.group import Group
from blog_app.development.local.process import wait_until

log = logging.getLogger(__name__)

SECONDS = 60
"""How long one step of a program may take."""

group = cache(Group)


class Program(subprocess.Popen[bytes]):
    """A running program. What it says goes to a file, where it never fills a pipe that nobody reads.

    At the end of a `with` block it is asked to end, if it still runs, and killed if it does not. What it said is logged
    if the block failed.
    """

    def __init__(self, *command: str | Path, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed with the block
        self._read = 0
        super().__init__(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            process_group=group().number,
        )

    @property
    def said(self) -> str:
        """All that it has said, on both streams."""
        return os.pread(self._output.fileno(), os.fstat(self._output.fileno()).st_size, 0).decode(errors="replace")

    def until(self, text: str, seconds: float = SECONDS) -> str:
        """Wait until it says `text`; return what it said since the last time, up to that line's end."""

        def lines() -> str:
            new = self.said[self._read :]
            return new[: new.rfind("\n") + 1]

        wait_until(lambda: text in lines() or self.poll() is not None, seconds)
        found = lines()
        assert text in found, f"it did not say {text!r}, but: {self.said}"
        end = found.index("\n", found.index(text) + len(text) - 1) + 1
        self._read += end
        return found[:end]

    def wait(self, timeout: float | None = SECONDS) -> int:
        """Return its exit status once it has ended."""
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end, but said: {self.said}") from None

    def end(self, number: int = signal.SIGTERM, seconds: float = SECONDS) -> int:
        """Send it a signal; return its exit status once it has ended."""
        self.send_signal(number)
        return self.wait(seconds)

    def children(self) -> dict[int, str]:
        """Return the processes that it has started itself: what each of them runs, by process id."""
        command = ["ps", "-o", "pid=,args=", "--ppid", str(self.pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS).stdout
        return {int(pid): arguments for pid, arguments in (line.split(None, 1) for line in listed.splitlines())}

    def close(self) -> None:
        """See to it that it has ended, and forget what it said."""
        self.terminate()
        try:
            super().wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            super().wait()
        self._output.close()

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure:
            log.error("it said: %s", self.said)
        self.close()
