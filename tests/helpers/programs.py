"""Subprocesses of tests: each ends with its block, or at the latest with the test run, even if that is killed."""

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
"""The timeout of one step of a program."""

group = cache(Group)


class Program(subprocess.Popen[bytes]):
    """A running program. Its output goes to a file, so it never blocks on a full pipe.

    At the end of a `with` block it is terminated, and killed if that does not end it. Its output is logged if the block
    failed.
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
        """Its output so far, of both streams."""
        return os.pread(self._output.fileno(), os.fstat(self._output.fileno()).st_size, 0).decode(errors="replace")

    def until(self, text: str, seconds: float = SECONDS) -> str:
        """Wait until it prints `text`; return the output since the last call, up to the end of that line."""

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
        """Wait until it ends; return its exit status."""
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end, but said: {self.said}") from None

    def end(self, number: int = signal.SIGTERM, seconds: float = SECONDS) -> int:
        """Send a signal and wait until it ends; return its exit status."""
        self.send_signal(number)
        return self.wait(seconds)

    def children(self) -> dict[int, str]:
        """Return the command lines of its child processes by process id."""
        command = ["ps", "-o", "pid=,args=", "--ppid", str(self.pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS).stdout
        return {int(pid): arguments for pid, arguments in (line.split(None, 1) for line in listed.splitlines())}

    def close(self) -> None:
        """End it, and discard its output."""
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
