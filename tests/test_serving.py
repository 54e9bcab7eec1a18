"""gunicorn's workers share kept-alive connections evenly, and go on when one of them is killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest

from blog_app.config import ROOT
from blog_app.development.local.ports import private_port
from blog_app.development.local.process import wait_until
from tests.helpers.programs import Program

APP = """
import os
def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
CONNECTIONS = 32


@contextmanager
def serving(folder: Path, worker: str = "blog_app.serving.BalancedThreadWorker") -> Iterator[int]:
    """Serve an app that returns its worker's process id; yield the port when both workers respond."""
    (folder / "pid_app.py").write_text(APP)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"]
    options = ["--worker-class", worker, "--keep-alive", "30", "--no-control-socket"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    with (
        private_port() as port,
        Program(
            *command, *options, "--bind", f"127.0.0.1:{port}", "pid_app:app", folder=folder, environment=environment
        ) as program,
    ):
        program.until("Listening at")
        assert wait_until(lambda: both_respond(port), 60)
        yield port


def both_respond(port: int) -> bool:
    with ExitStack() as stack:
        return len(workers_of(stack, port)) == 2


def workers_of(stack: ExitStack, port: int) -> Counter[int]:
    """Open connections at once, and return which worker serves how many; they stay open until the stack ends."""

    def worker_of(_: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        stack.callback(connection.close)
        connection.request("GET", "/")
        return int(connection.getresponse().read())

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return Counter(pool.map(worker_of, range(CONNECTIONS)))


@pytest.mark.parametrize("burst", range(3))
def test_connections_opened_at_once_are_spread_evenly(tmp_path: Path, burst: int) -> None:
    with ExitStack() as stack:
        shares = workers_of(stack, stack.enter_context(serving(tmp_path)))
        assert len(shares) == 2
        assert min(shares.values()) >= CONNECTIONS // 2 - 4


def test_new_connections_are_served_after_a_worker_was_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(serving(tmp_path))
        killed = next(iter(workers_of(stack, port)))
        os.kill(killed, signal.SIGKILL)
        assert wait_until(lambda: not Path(f"/proc/{killed}").exists(), 60)
        assert sum(workers_of(stack, port).values()) == CONNECTIONS


def test_what_is_too_long_or_no_http_gets_a_problem_document(tmp_path: Path) -> None:
    with serving(tmp_path) as port:
        for path, status in (("/" + "x" * 9_000, 414), ("/ b", 400)):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                response = http.client.HTTPResponse(client)
                response.begin()
                assert (response.status, response.headers["Content-Type"]) == (status, "application/problem+json")
                assert orjson.loads(response.read())["status"] == status


IMPATIENT = """
from blog_app import serving
serving.CLIENT_TIMEOUT = 0.5
class Worker(serving.BalancedThreadWorker):
    pass
"""


@pytest.mark.parametrize("half", [b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ", b"GET / HT"])
def test_half_requests_from_more_clients_than_there_are_threads_hold_up_nobody_for_long(
    tmp_path: Path, half: bytes
) -> None:
    (tmp_path / "impatient_worker.py").write_text(IMPATIENT)
    with ExitStack() as stack:
        port = stack.enter_context(serving(tmp_path, "impatient_worker.Worker"))
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            client.sendall(half)
        assert sum(workers_of(stack, port).values()) == CONNECTIONS
