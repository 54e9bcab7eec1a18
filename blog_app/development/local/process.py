"""A server process: start, stop, kill, freeze and thaw."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from blog_app.development.local.group import Command, Group, StartError, last_line
from blog_app.development.local.ports import port_is_taken


class PortTaken(StartError):
    """Another program has the port of a server."""


class Process:
    """One server program. It listens on `port` of the loopback address and logs into the file `log`."""

    name: str
    port: int
    stop_signal = signal.SIGTERM
    timeout = 60.0

    def __init__(self, group: Group, folder: Path, port: int) -> None:
        self.group = group
        self.folder = group.folder(folder)
        self.port = port
        self.log = folder.parent / f"{folder.name}.log"
        self._pid_file = folder.parent / f"{folder.name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    def command(self) -> Command:
        raise NotImplementedError

    def responds(self) -> bool:
        """Return whether the server responds to clients."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server, which must have been started."""
        assert self._child
        return self._child.pid

    def start(self) -> None:
        """Start the server and return when it responds; raise `StartError` if it ends or takes too long."""
        assert not self.running
        self._end_leftover()
        if port_is_taken(self.port):
            raise PortTaken(f"port {self.port} of 127.0.0.1, which {self.name} needs, is taken by another program")
        child = self._child = self.group.popen(self.command(), self.folder, self.log)
        self._pid_file.write_text(str(child.pid))
        if not wait_until(lambda: child.poll() is not None or self.responds(), self.timeout):
            self.kill()
            raise StartError(f"{self.name} did not respond within {self.timeout:g} s (see {self.log})")
        if child.poll() is not None:
            raise StartError(f"{self.name} did not start: {last_line(self.log)} (see {self.log})")

    def stop(self) -> None:
        """Shut the server down; do nothing if it does not run."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend the server (SIGSTOP): it keeps its connections and does not respond."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume a frozen server."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._child:  # An ended one is not signalled.
            self._child.send_signal(number)

    def _end_leftover(self) -> None:
        """End the server that an earlier run left in our folder. The process id may be that of another program now."""
        pid = int(self._pid_file.read_text() or 0) if self._pid_file.exists() else 0
        if pid and working_folder(pid) == self.folder:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: working_folder(pid) is None, self.timeout)

    def _end(self, number: int) -> None:
        if self._child is None:
            return
        self._signal(number)
        self._signal(signal.SIGCONT)
        try:
            self._child.wait(self.timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._child.wait()
        self._child = None


def working_folder(pid: int) -> Path | None:
    """Return the working folder of a process, None if there is no such process."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:  # It has ended, or this is macOS.
        command = ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn"]
        if not shutil.which("lsof"):
            return None
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return next((Path(line[1:]) for line in listed.splitlines() if line.startswith("n")), None)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until `condition` is true, at most `seconds`; return whether it is."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
