"""`make run` and `make dev`: the servers, a migrated and seeded database, the app and its worker, until Ctrl-C.

Guarantee: runs in different checkouts with different `PORT` never share a port. The run with PORT=8000 has the ports
that the checked-in pgbouncer.ini names. Every other run has free ones, chosen by its `PORT` (so they are the same each
time, as long as they are free) and reserved until it ends. A second run with the same `PORT` ends at once with a
message: the first listens on it from the start on. A run that was killed leaves nothing that the next one
has to fear: what still runs then is ended first, and nothing else is.

`make dev` loads code again in the app and in the worker; `breakpoint()` gets the terminal in both.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from blog_app.config import ROOT
from blog_app.development.local import programs
from blog_app.development.local.group import Command, Group, StartError
from blog_app.development.local.ports import port_is_taken, private_ports
from blog_app.development.local.process import PortTaken, Process, wait_until
from blog_app.development.local.run_state import data_folder, display_path, run_lock, write_environment
from blog_app.development.local.stack import Passwords, Stack
from blog_app.operations.pgbouncer import ADMIN_PASSWORD

DEFAULT_PORT = 8000
# The checked-in pgbouncer.ini and userlist.txt name these. They serve the loopback address only.
DEFAULT_SERVER_PORTS = range(28432, 28440)
PASSWORDS = Passwords(app="development", admin="development")
START_TIMEOUT = 120
RESTART_DELAY = 5
STOP_TIMEOUT = 30
LEFTOVER_TIMEOUT = 3
_say = partial(print, flush=True)

WELCOME = """\
The blog will be at {url} in a moment    (Ctrl-C stops it)

  Docs     {url}/docs
  Log in   ada@example.com, password Correct-Horse-1

  curl {url}/api/v1/posts
  curl {url}/api/v1/tokens -H 'Content-Type: application/json' \\
       -d '{{"email": "ada@example.com", "password": "Correct-Horse-1"}}'
  curl {url}/api/v1/me -H 'Authorization: Bearer TOKEN'    (TOKEN: the "token" of the response before)

  Commands in another terminal:  .venv/bin/flask --env-file {env_file} --help
                                 make shell    make psql DATABASE=blog
  Data and logs of PostgreSQL, PgBouncer and Redis:  {folder}
"""


def run(*, reload: bool) -> int:
    """Serve until a signal; return the exit status. With `reload`, code that changes is loaded again.

    Raises `StartError`, with one line that says why, if something needed cannot be had.
    """
    port = os.environ.get("PORT", str(DEFAULT_PORT))
    replicas = os.environ.get("REPLICAS", "0")
    if not (port.isdecimal() and 0 < int(port) < 65536 and replicas.isdecimal() and int(replicas) <= 4):
        raise StartError("PORT must be a number from 1 to 65535, REPLICAS one from 0 to 4")
    folder = data_folder()
    try:
        with (
            run_lock(folder, _url(int(port))),
            _interruptible(),
            _listener(int(port)) as listener,
            closing(private_ports(seed=int(port))) as private,
        ):
            ports = iter(DEFAULT_SERVER_PORTS) if int(port) == DEFAULT_PORT else private
            programs.install_missing()
            return _serve(folder, listener, ports, int(replicas), reload=reload)
    except PortTaken as error:
        raise StartError(f"{error}. Choose another: PORT={int(port) % 65535 + 1} make run") from None
    except KeyboardInterrupt:
        return 0


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _listener(port: int) -> socket.socket:
    """Return a socket that listens on `port`; who connects before the app has started waits for it."""
    wait_until(lambda: not port_is_taken(port), LEFTOVER_TIMEOUT)  # The app of a run that was killed ends by then.
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(f"port {port} is taken by another program") from None


def _serve(folder: Path, listener: socket.socket, ports: Iterator[int], replicas: int, *, reload: bool) -> int:
    port = listener.getsockname()[1]
    group = Group()
    files = ROOT if port == DEFAULT_PORT and not replicas else None
    stack = Stack(folder, group, ports, PASSWORDS, durable=True, replicas=replicas, pooler_files=files)
    url = _url(port)
    environment = {"APP_MODE": "development", "PORT": str(port), ADMIN_PASSWORD: PASSWORDS.admin, **stack.environment()}
    env_file = write_environment(folder, environment)
    _say(WELCOME.format(url=url, env_file=display_path(env_file), folder=display_path(folder)))
    if not folder.is_relative_to(ROOT):
        _say(f"  (not below var/: PostgreSQL must not run as root, and the user nobody cannot reach {ROOT})\n")
    try:
        _say("starting PostgreSQL, PgBouncer and Redis")
        stack.start()
        programs_folder = Path(sys.executable).parent
        for arguments in (["migrate", "up"], ["seed", "--if-empty"]):
            _say(f"flask {' '.join(arguments)}")
            if group.start_program([programs_folder / "flask", *arguments], environment).wait():
                raise StartError(f"flask {' '.join(arguments)} failed, see above")
        # One process, so that one `breakpoint()` has the terminal; what is stopped there does not end by itself.
        development = ["--reload", "--workers", "1", "--graceful-timeout", "2"] if reload else []
        options = ["--bind", f"fd://{listener.fileno()}", *development]
        command: Command = [programs_folder / "gunicorn", *options, "wsgi:app"]
        web = group.start_program(command, environment, pass_fds=[listener.fileno()])
        listener.close()
        worker = Worker(lambda: group.start_program([programs_folder / "flask", "worker"], environment))
        try:
            if wait_until(lambda: web.poll() is not None or _responds(url), START_TIMEOUT) and web.poll() is None:
                _say(f"\nReady: {url}/docs    (what to try is at the top)\n")
            return _watch([*stack.servers, worker], web, worker if reload else None)
        finally:
            web.terminate()
            worker.stop()
            _end(web)
    finally:
        _say("\nstopping")
        stack.stop()
        group.close()


class Worker:
    """`flask worker`, which can be started again like a server."""

    name = "The worker"

    def __init__(self, start_program: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._start_program = start_program
        self.start()

    def start(self) -> None:
        self.program = self._start_program()

    def stop(self) -> None:
        _end(self.program)

    @property
    def running(self) -> bool:
        return self.program.poll() is None


def _watch(servers: Sequence[Process | Worker], web: subprocess.Popen[bytes], reloaded: Worker | None) -> int:
    """Return the exit status of `web` when it ends; restart servers that end, after a delay in which failures show.

    Restart the worker `reloaded` when code changes; gunicorn does so by itself.
    """
    changed_at = _code_changed_at()
    while web.poll() is None:
        if reloaded and changed_at != (changed_at := _code_changed_at()):
            _say("code has changed; starting the worker again")
            reloaded.stop()
            reloaded.start()
        for server in servers:
            if not server.running:
                _say(f"{server.name} has ended; starting it again in {RESTART_DELAY} s")
                time.sleep(RESTART_DELAY)
                try:
                    server.start()
                except StartError as error:
                    _say(str(error))
        time.sleep(0.5)
    return web.returncode


def _code_changed_at() -> float:
    """Return when a file of the code was changed last."""
    changed = 0.0
    for path in (ROOT / "blog_app").rglob("*.py"):
        with suppress(OSError):  # Editors replace files.
            changed = max(changed, path.stat().st_mtime)
    return changed


def _end(program: subprocess.Popen[bytes]) -> None:
    """End one of our programs, with what is in its session."""
    program.terminate()
    with suppress(subprocess.TimeoutExpired):
        program.wait(STOP_TIMEOUT)
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a termination, or a closed terminal, end the run as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # It is ending already: let it end cleanly.
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    yield


def _responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=START_TIMEOUT):
            return True
    except OSError:
        return False
