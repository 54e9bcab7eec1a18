"""Server programs as children: who they run as, which ports they get, and that none outlives its parent."""

from __future__ import annotations

import os
import pwd
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
PORTS = range(20_000, 28_000, 20)

# Waits for its parent's end (of file), then ends its process group and removes the folder it was given, if any.
GUARD = """
trap '' HUP INT TERM QUIT
read -r _
kill -QUIT 0; kill -CONT 0
[ -z "$1" ] || rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
"""


class StartError(Exception):
    """A server could not be started; `str()` says why in one line and where its log is."""


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return whom servers run as: `nobody` when we are root, because PostgreSQL and PgBouncer refuse it; else None."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def reachable(path: Path) -> bool:
    """Return whether the servers' user may pass through every folder above `path`, and read it."""
    user = unprivileged_user()
    if user is None:
        return True
    test: list[str | Path] = ["/usr/bin/test", "-r", path]
    return not subprocess.run(test, user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False).returncode


def temporary_folder() -> Path:
    """Return a new folder that only its owner can list, below the first place for such that servers can reach."""
    places = (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp"))
    place = next((place for place in places if reachable(place)), places[0])
    folder = Path(tempfile.mkdtemp(prefix="blog_app-", dir=place))
    folder.chmod(0o711)
    return folder


class Group:
    """A process group for servers. It ends with this process, even when that is killed: a guard sees to it."""

    def __init__(self, *, throwaway: Path | None = None) -> None:
        self._user = unprivileged_user()
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(throwaway or "")],
            stdin=subprocess.PIPE,
            process_group=0,
        )

    def popen(self, command: Sequence[str | Path], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a server in `folder`; what it says goes to the file `log`."""
        with log.open("ab") as output:
            return self._run(subprocess.Popen, command, folder, output, process_group=self._guard.pid)

    def run(self, command: Sequence[str | Path], folder: Path, log: Path, **environment: str) -> None:
        """Run a program to its end; raise `StartError` if it fails."""
        with log.open("ab") as output:
            ended = self._run(subprocess.run, command, folder, output, environment)
        if ended.returncode:
            raise StartError(f"{Path(command[0]).name} failed: {last_line(log)} (see {log})")

    def own(self, path: Path) -> None:
        """Make the servers' user the owner of `path`."""
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def folder(self, path: Path) -> Path:
        """Return the folder `path`, made if it is missing, private to the servers' user."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.own(path)
        return path

    def close(self) -> None:
        """End what still runs, and remove the throwaway folder."""
        with suppress(OSError):
            self._guard.communicate(timeout=20)

    def _run(self, start, command, folder, output, environment=None, **options):  # type: ignore[no-untyped-def]
        if self._user:
            options |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return start(
            [str(word) for word in command],
            cwd=folder,
            env=ENVIRONMENT | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )


class Process:
    """One server program. It listens on `port` of the loopback address and logs into the file `log`."""

    name: str
    port: int
    stop_signal = signal.SIGTERM
    patience = 30.0

    def __init__(self, group: Group, folder: Path, port: int) -> None:
        self.group = group
        self.folder = group.folder(folder)
        self.port = port
        self.log = folder.parent / f"{folder.name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def answers(self) -> bool:
        """Return whether the server serves clients."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the server and return when it answers; raise `StartError` if it ends instead, or takes too long."""
        assert not self.running
        if port_is_taken(self.port):
            raise StartError(f"port {self.port} of 127.0.0.1, which {self.name} needs, is taken by another program")
        child = self._child = self.group.popen(self.command(), self.folder, self.log)
        if not wait_until(lambda: child.poll() is not None or self.answers(), self.patience):
            self.kill()
            raise StartError(f"{self.name} did not answer within {self.patience:g} s (see {self.log})")
        if child.poll() is not None:
            raise StartError(f"{self.name} did not start: {last_line(self.log)} (see {self.log})")

    def stop(self) -> None:
        """End the server in good order; nothing happens if it does not run."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let the server hang: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def _end(self, number: int) -> None:
        if self._child is None:
            return
        self._signal(number)
        self._signal(signal.SIGCONT)
        try:
            self._child.wait(self.patience)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._child.wait()
        self._child = None


def private_ports() -> Iterator[int]:
    """Yield free ports that no other process takes from here: the first of their block stays bound as a lock."""
    with ExitStack() as held:
        for first in random.sample(PORTS, len(PORTS)):
            lock = held.enter_context(socket.socket())
            try:
                lock.bind(("127.0.0.1", first))
            except OSError:
                continue
            yield from (port for port in range(first + 1, first + PORTS.step) if not port_is_taken(port))


def port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that has just ended must not count as a taken port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
