"""Servers that outlive a test run, so that the next one need not start them: `make test KEEP=yes`.

A process of its own holds them. It ends them when nobody has used them for `IDLE_SECONDS`, or when the file that
describes them (`var/tests/NAME.json`) is gone. One run at a time uses them; another one gets servers of its own. After
a change of the migrations, or of the servers' settings, new ones are started.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from blog_app.config import ROOT
from blog_app.development.local.group import Group, StartError
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Passwords, Stack, throwaway

FOLDER = ROOT / "var" / "tests"
IDLE_SECONDS = 900.0
START_SECONDS = 90.0
POLL_SECONDS = 2.0


@contextmanager
def kept(name: str, variables: Mapping[str, str]) -> Iterator[Stack]:
    """Yield the servers that were kept under this name, or new ones, and keep them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    described = FOLDER / f"{name}.json"
    with (FOLDER / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with throwaway(variables=variables) as stack:
                yield stack
            return
        with closing(Group()) as group:
            yield _attached(group, described, variables) or _started(group, described, variables)
            described.touch()


def hold(path: Path, variables: Mapping[str, str]) -> None:
    """Start servers, describe them in the file `path`, and return when they have ended."""
    with throwaway(variables=variables) as stack:
        ports = [stack.postgres.port, *(server.port if server else 0 for server in (stack.pgbouncer, stack.redis))]
        found = {"key": _key(variables), "folder": str(stack.folder), "ports": ports, "passwords": stack.passwords}
        unfinished = path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(found))
        unfinished.rename(path)
        own = path.stat().st_ino
        with suppress(FileNotFoundError):
            while path.stat().st_ino == own and time.time() - path.stat().st_mtime < IDLE_SECONDS:
                time.sleep(POLL_SECONDS)
            if path.stat().st_ino == own:
                path.unlink()


def _attached(group: Group, described: Path, variables: Mapping[str, str]) -> Stack | None:
    """Return the servers that the file describes; None if they do not answer, or differ from what is wanted."""
    try:
        found = json.loads(described.read_text())
        described.touch()
    except (FileNotFoundError, ValueError):
        return None
    if found["key"] != _key(variables) or not Path(found["folder"]).exists():
        return None
    stack = Stack(
        Path(found["folder"]), group, iter(found["ports"]), Passwords(*found["passwords"]), variables=variables
    )
    return stack if all(server.responds() for server in stack.servers) else None


def _started(group: Group, described: Path, variables: Mapping[str, str]) -> Stack:
    """Return new servers, held by a process of their own; raise `StartError` if they do not start."""
    described.unlink(missing_ok=True)
    words = [f"{variable}={value}" for variable, value in variables.items()]
    command = [sys.executable, "-m", "blog_app.development.local", "hold", str(described), *words]
    log = described.with_suffix(".log")
    with log.open("w") as output:
        holder = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    wait_until(lambda: described.exists() or holder.poll() is not None, START_SECONDS)
    stack = _attached(group, described, variables)
    holder.returncode = 0  # It outlives this process, and that is no mistake to warn of.
    if stack is None:
        raise StartError(f"the servers for the tests did not start (see {log})")
    return stack


def _key(variables: Mapping[str, str]) -> str:
    """Return a hash of what the servers and the tables in them are made from."""
    found = hashlib.blake2b(repr([sys.version, sorted(variables.items())]).encode(), digest_size=8)
    for path in sorted((ROOT / "migrations").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
