"""A process group for servers: an unprivileged user runs them, and none outlives the process that started them."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from blog_app import env_files
from blog_app.config import ROOT

Command = Sequence[str | Path]

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
# Waits until its parent ends (end of file), then ends its process group and removes the throwaway folder, if any. What
# ignores SIGQUIT, as everything started by `make run &` does, is killed.
WATCHDOG = """
trap '' HUP INT TERM QUIT
read -r _
kill -QUIT 0; kill -CONT 0
(sleep 2; kill -KILL 0) &
[ -z "$1" ] || rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
"""
# The same for a program with a session of its own. The shell becomes that program.
PROGRAM_WATCHDOG = """
(trap '' HUP INT TERM QUIT; read -r _ < "$0"; kill -QUIT 0; kill -CONT 0; sleep 2; kill -KILL 0) &
exec "$@"
"""


class StartError(Exception):
    """A server did not start; `str()` says why, in one line, and where its log is."""


class Group:
    """A process group for servers. A watchdog ends it when this process ends, even if it is killed."""

    def __init__(self, *, throwaway: Path | None = None) -> None:
        self._user = unprivileged_user()
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(throwaway or "")], stdin=subprocess.PIPE, process_group=0
        )
        self.number = self._watchdog.pid
        """The id of the process group."""
        self._ended, self._alive = os.pipe()

    def popen(self, command: Command, folder: Path, log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a server in `folder`; its output goes to the file `log`."""
        user: dict[str, Any] = {}
        if self._user:
            user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=ENVIRONMENT | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=self.number,
                **user,
            )

    def start_program(
        self, command: Command, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Start one of our own programs, as this user, in the checkout; it reads no `.env`.

        It may use this terminal, for `breakpoint()`: its session is its own, because in ours, where it is in the
        background, the terminal would suspend it and the servers (SIGTTOU).
        """
        variables = {**os.environ, **env_files.NONE, **environment}
        watched: Command = ["/bin/sh", "-c", PROGRAM_WATCHDOG, f"/dev/fd/{self._ended}", *command]
        fds = [*pass_fds, self._ended]
        return subprocess.Popen(watched, cwd=ROOT, env=variables, start_new_session=True, pass_fds=fds)

    def run(self, command: Command, folder: Path, log: Path, **environment: str) -> None:
        """Run a program to its end; raise `StartError` if it fails."""
        if self.popen(command, folder, log, **environment).wait():
            raise StartError(f"{Path(command[0]).name} failed: {last_line(log)} (see {log})")

    def own(self, path: Path) -> None:
        """Make the servers' user the owner of `path`."""
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def folder(self, path: Path) -> Path:
        """Return the folder `path`, created if it is missing, private to the servers' user."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.own(path)
        return path

    def close(self) -> None:
        """End the processes that still run, and remove the throwaway folder."""
        os.close(self._alive)
        os.close(self._ended)
        with suppress(OSError, subprocess.TimeoutExpired):  # The watchdog continues by itself.
            self._watchdog.communicate(timeout=60)


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user of the servers: `nobody` if we are root, whom PostgreSQL and PgBouncer refuse; else None."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def reachable(path: Path) -> bool:
    """Return whether the servers' user may access `path` through every folder above it."""
    user = unprivileged_user()
    if user is None:
        return True
    test: Command = ["/usr/bin/test", "-x", path]
    return not subprocess.run(test, user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False).returncode


def temporary_folder() -> Path:
    """Return a new folder that only its owner can list, below the first temporary folder that servers can reach."""
    parents = (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp"))
    parent = next((parent for parent in parents if reachable(parent)), parents[0])
    folder = Path(tempfile.mkdtemp(prefix="blog_app-", dir=parent))
    folder.chmod(0o711)
    return folder


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
