"""The state of `make run` in this checkout: the data folder, the lock of the one run, the environment for commands.

Guarantee: one checkout runs once at a time, and commands find the environment of the run that is under way or an error.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from blog_app.config import ROOT
from blog_app.development.local.group import StartError, reachable

ENVIRONMENT_FILE = "development.env"


def data_folder() -> Path:
    """Return the folder of data and logs: var/, or one outside where `nobody` cannot reach the checkout of root."""
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    if not reachable(folder):
        checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
        folder = Path(f"/var/tmp/blog_app-{checkout}")
        folder.mkdir(mode=0o711, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise StartError(f"{folder} belongs to another user")
    return folder


def display_path(path: Path) -> str:
    """Return a path for people: relative to the checkout if it is in there."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


@contextmanager
def run_lock(folder: Path, url: str) -> Iterator[None]:
    """Hold the folder for this process; raise `StartError` if another run has it. The lock ends with the process."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(f"this checkout is running already: {lock.read().strip()}; stop that first") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {url}\n")
        lock.flush()
        yield


def write_environment(folder: Path, environment: Mapping[str, str]) -> Path:
    """Write the variables where `flask --env-file` finds them; return that file."""
    path = folder / ENVIRONMENT_FILE
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))
    return path


def running_environment(folder: Path) -> dict[str, str]:
    """Return the variables of the run that is under way; raise `StartError` if there is none."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return {name: value or "" for name, value in dotenv_values(folder / ENVIRONMENT_FILE).items()}
    raise StartError("nothing is running: start `make run` in another terminal first")
