"""`make run`: servers with data under var/, a migrated and seeded database, the app and its worker, until Ctrl-C."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from blog_app.config import ROOT
from blog_app.development.local import programs
from blog_app.development.local.group import Group, StartError, reachable
from blog_app.development.local.ports import port_is_taken
from blog_app.development.local.process import Process, wait_until
from blog_app.development.local.stack import Passwords, Stack
from blog_app.operations.pgbouncer import ADMIN_PASSWORD

# The checked-in pgbouncer.ini and userlist.txt name these. They serve the loopback address only.
PORTS = range(28432, 28440)
PASSWORDS = Passwords(app="development", admin="development")
BOOT_SECONDS = 120
RESTART_SECONDS = 5

WELCOME = """\
In a moment the blog is at {url}    (Ctrl-C stops it)

  Read the docs   {url}/docs
  Log in as       ada@example.com   password Correct-Horse-1

  curl {url}/api/v1/posts
  curl {url}/api/v1/tokens -H 'Content-Type: application/json' \\
       -d '{{"email": "ada@example.com", "password": "Correct-Horse-1"}}'
  curl {url}/api/v1/me -H 'Authorization: Bearer TOKEN'    (TOKEN: the "token" of the answer before)

  Commands in another terminal:  .venv/bin/flask --env-file {env_file} --help
  Data and logs of PostgreSQL, PgBouncer and Redis:  {folder}
"""
READY = """
Ready: {url}/docs    (what to try is at the top)
"""


def run(*, reload: bool) -> int:
    """Serve until a signal; return the exit status. With `reload`, code that changes is loaded again.

    Raises `StartError`, with one line that says why, if something needed cannot be had.
    """
    port = os.environ.get("PORT", "8000")
    replicas = os.environ.get("REPLICAS", "0")
    if not (port.isdecimal() and 0 < int(port) < 65536 and replicas.isdecimal() and int(replicas) <= 4):
        raise StartError("PORT must be a number from 1 to 65535, REPLICAS one from 0 to 4")
    folder = _folder()
    try:
        with _only_run(folder), _interruptible():
            if port_is_taken(int(port)):
                raise StartError(f"port {port} is taken by another program; try: make run PORT={int(port) + 1}")
            programs.install_missing()
            return _serve(folder, int(port), int(replicas), reload=reload)
    except KeyboardInterrupt:
        return 0


def _serve(folder: Path, port: int, replicas: int, *, reload: bool) -> int:
    group = Group()
    stack = Stack(
        folder,
        group=group,
        ports=iter(PORTS),
        passwords=PASSWORDS,
        durable=True,
        replicas=replicas,
        pooler_files=None if replicas else ROOT,
    )
    url = f"http://127.0.0.1:{port}"
    environment = _environment(stack, port)
    env_file = _write_environment(folder, environment)
    _say(WELCOME.format(url=url, env_file=env_file, folder=_shown(folder)))
    try:
        _say("starting PostgreSQL, PgBouncer and Redis")
        stack.start()
        programs_folder = Path(sys.executable).parent
        for arguments in (["migrate", "up"], ["seed", "--if-empty"]):
            _say(f"flask {' '.join(arguments)}")
            if group.attend([programs_folder / "flask", *arguments], ROOT, environment).wait():
                raise StartError(f"flask {' '.join(arguments)} failed, see above")
        options = ["--reload"] if reload else []
        web = group.attend([programs_folder / "gunicorn", *options, "wsgi:app"], ROOT, environment)
        worker = Worker(lambda: group.attend([programs_folder / "flask", "worker"], ROOT, environment))
        try:
            if wait_until(lambda: web.poll() is not None or _answers(url), BOOT_SECONDS) and web.poll() is None:
                _say(READY.format(url=url))
            return _watch([*stack.servers, worker], web)
        finally:
            for program in (web, worker.program):
                program.terminate()
            for program in (web, worker.program):
                program.wait()
    finally:
        _say("\nstopping")
        stack.stop()
        group.close()


class Worker:
    """`flask worker`, which can be started again like a server."""

    name = "The worker"

    def __init__(self, attend: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._attend = attend
        self.start()

    def start(self) -> None:
        self.program = self._attend()

    @property
    def running(self) -> bool:
        return self.program.poll() is None


def _watch(servers: Sequence[Process | Worker], web: subprocess.Popen[bytes]) -> int:
    """Return the status of `web` when it ends; meanwhile start servers again that end, after a while to see it fail."""
    while web.poll() is None:
        for server in servers:
            if server.running:
                continue
            _say(f"{server.name} has ended; starting it again in {RESTART_SECONDS} s")
            time.sleep(RESTART_SECONDS)
            try:
                server.start()
            except StartError as error:
                _say(str(error))
        time.sleep(0.5)
    return web.returncode


def _folder() -> Path:
    """Return where data is kept: var/, or a place outside where `nobody` cannot reach the checkout of root."""
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    if not reachable(folder):
        checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
        folder = Path(f"/var/tmp/blog_app-{checkout}")
        folder.mkdir(mode=0o711, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise StartError(f"{folder} belongs to somebody else")
        _say(f"PostgreSQL must not run as root, and the user nobody cannot reach {ROOT}: data goes to {folder}\n")
    return folder


@contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock ends with it, so a dead run leaves none."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(f"this checkout is running already: {lock.read().strip()}") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, http://127.0.0.1:{os.environ.get('PORT', '8000')}\n")
        lock.flush()
        yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a termination, or a closed terminal, end the run as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # It is ending already: let it end in good order.
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    yield


def _environment(stack: Stack, port: int) -> dict[str, str]:
    own = {"APP_MODE": "development", "PORT": str(port), ADMIN_PASSWORD: PASSWORDS.admin}
    return own | stack.environment()


def _write_environment(folder: Path, environment: Mapping[str, str]) -> str:
    """Write the variables where `flask --env-file` finds them; return that path."""
    path = folder / "development.env"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))
    return _shown(path)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _say(line: str) -> None:
    print(line, flush=True)
