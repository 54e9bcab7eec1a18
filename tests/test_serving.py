"""gunicorn's workers share kept-alive connections evenly, and go on when one of them is killed."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import select
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given, strategies as st

from blog_app.api.openapi.responses import SERVER_ERRORS
from blog_app.config import ROOT
from blog_app.development.local.ports import private_port
from blog_app.development.local.process import wait_until
from blog_app.serving.incoming import Incoming
from tests.helpers.programs import Program

APP = """
import hashlib, os
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/large/"):
        body = b"x" * int(path[7:])
    elif path == "/hash":
        body = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    else:
        body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
CONNECTIONS = 32
WORKER = "blog_app.serving.worker.BufferingWorker"
CONFIG = "from blog_app.serving.worker import count_reload as on_reload\nsendfile = False"


@contextmanager
def started(folder: Path, port: int, worker: str = WORKER, *options: str) -> Iterator[Program]:
    """Serve an app that returns its worker's process id; yield gunicorn when both workers respond."""
    (folder / "pid_app.py").write_text(APP)
    (folder / "conf.py").write_text(CONFIG)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--config", "conf.py", *options]
    command += ["--worker-class", worker, "--keep-alive", "30", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    with Program(*command, "pid_app:app", folder=folder, environment=environment) as program:
        program.until("Listening at")
        assert wait_until(lambda: both_respond(port), 60)
        yield program


@contextmanager
def serving(folder: Path, worker: str = WORKER, *options: str) -> Iterator[int]:
    """The same, and yield the port."""
    with private_port() as port, started(folder, port, worker, *options):
        yield port


def both_respond(port: int) -> bool:
    with ExitStack() as stack:
        return len(workers_of(stack, port)) == 2


def workers_of(stack: ExitStack, port: int, count: int = CONNECTIONS) -> Counter[int]:
    """Open connections at once, and return which worker serves how many; they stay open until the stack ends."""

    def worker_of(_: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        stack.callback(connection.close)
        connection.request("GET", "/")
        return int(connection.getresponse().read())

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(worker_of, range(count)))


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


def test_what_the_server_refuses_gets_a_problem_document_with_a_documented_status(quick: int) -> None:
    requests = {
        f"GET /{'x' * 9_000} HTTP/1.1\r\n\r\n": 414,
        "GET / b HTTP/1.1\r\n\r\n": 400,
        "GET / HTTP/3.0\r\n\r\n": 400,
        "GET / HTTP/1.1\r\nHost: x\r\n b\r\n\r\n": 400,
        f"GET / HTTP/1.1\r\nX: {'x' * 9_000}\r\n\r\n": 431,
        f"GET / HTTP/1.1\r\nX: {'x' * 70_000}": 431,
        "GET / HTTP/1.1\r\nExpect: tea\r\n\r\n": 417,
        "POST / HTTP/1.1\r\nTransfer-Encoding: brew, chunked\r\n\r\n0\r\n\r\n": 501,
        "GET / HTTP/1.1\r\n": 408,
        "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nx": 408,
    }
    for text, status in requests.items():
        with socket.create_connection(("127.0.0.1", quick), 10) as client:
            client.sendall(text.encode())
            with closing(http.client.HTTPResponse(client)) as response:
                response.begin()
                assert (response.status, response.headers["Content-Type"]) == (status, "application/problem+json")
                assert orjson.loads(response.read())["status"] == status
    assert {*requests.values()} == {400, *SERVER_ERRORS}


# Short limits: gunicorn loads the worker, with its module's constants, before it forks.
QUICK = """
from blog_app.serving import connection, worker
connection.SEND_TIMEOUT = worker.SEND_TIMEOUT = 0.5
worker.HEAD_TIMEOUT = worker.BODY_TIMEOUT = worker.LINGER = 0.5
class Worker(worker.BufferingWorker):
    pass
"""
LARGE = 8_000_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /hash HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[int]:
    """The port of workers with short time limits."""
    (tmp_path / "quick_worker.py").write_text(QUICK)
    with serving(tmp_path, "quick_worker.Worker") as port:
        yield port


def connect(stack: ExitStack, port: int, data: bytes = b"") -> socket.socket:
    """Return a connection over which `data` is sent, and which takes little at a time."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(60)
    client.connect(("127.0.0.1", port))
    client.sendall(data)
    return client


def response_to(client: socket.socket) -> tuple[int, bytes]:
    """Return the status and the body of the next response."""
    with closing(http.client.HTTPResponse(client)) as response:
        response.begin()
        return response.status, response.read()


def large(size: int) -> bytes:
    return GET.replace(b"/ ", f"/large/{size} ".encode(), 1)


def test_no_client_that_waits_takes_a_thread(tmp_path: Path) -> None:
    """There are far more of each kind than there are threads, and none is past a time limit."""
    with ExitStack() as stack:
        port = stack.enter_context(serving(tmp_path))
        idle = [connect(stack, port) for _ in range(400)]
        heads = [connect(stack, port, GET[:-2] + b"X-Half: ") for _ in range(100)]
        bodies = [connect(stack, port, POST + b"Content-Length: 90\r\n\r\nx") for _ in range(100)]
        readers = [connect(stack, port, large(LARGE)) for _ in range(24)]
        assert sum(workers_of(stack, port).values()) == CONNECTIONS
        for reader in readers[:3]:  # What was not taken then is there now.
            status, body = response_to(reader)
            assert (status, len(body)) == (200, LARGE)
        for client, rest in ((idle[0], GET), (heads[0], b"\r\n\r\n"), (bodies[0], b"x" * 89)):
            client.sendall(rest)
            assert response_to(client)[0] == 200


@pytest.mark.parametrize("half", [b"GET / HT", GET[:-2] + b"X-Half: ", POST + b"Content-Length: 9\r\n\r\nx"])
def test_half_a_request_ends_with_408(quick: int, half: bytes) -> None:
    with ExitStack() as stack:
        status, body = response_to(connect(stack, quick, half))
        assert (status, orjson.loads(body)["title"]) == (408, "Request Timeout")


def test_a_client_that_does_not_read_its_response_loses_its_connection(quick: int) -> None:
    with ExitStack() as stack:
        deaf = connect(stack, quick, large(LARGE))
        watched = select.poll()
        watched.register(deaf, select.POLLHUP | select.POLLERR)
        assert wait_until(lambda: bool(watched.poll(0)), 60)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response_to(deaf)


def test_bodies_arrive_whole_however_they_are_sent(quick: int) -> None:
    body = random.Random(1).randbytes(1_000_000)
    parts = [body[start : start + 70_001] for start in range(0, len(body), 70_001)]
    chunked = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"
    with ExitStack() as stack:
        client = connect(stack, quick)
        for head, sent in ((b"Content-Length: 1000000", body), (b"Transfer-Encoding: chunked", chunked)):
            client.sendall(POST + head + b"\r\n\r\n" + sent)
            assert response_to(client) == (200, hashlib.sha256(body).hexdigest().encode())


def test_a_client_that_waits_for_100_continue_gets_it_once(quick: int) -> None:
    with ExitStack() as stack:
        client = connect(stack, quick, POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"tea")
        assert response_to(client) == (200, hashlib.sha256(b"tea").hexdigest().encode())


def test_requests_sent_at_once_over_one_connection_are_answered_in_their_order(quick: int) -> None:
    with ExitStack() as stack:
        client = connect(
            stack, quick, POST + b"Content-Length: 3\r\n\r\ntea" + large(2) + large(3) + b"nonsense\r\n\r\n"
        )
        received = b""
        while piece := client.recv(4_096):
            received += piece
        bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 ")[1:]]
        assert bodies[:3] == [hashlib.sha256(b"tea").hexdigest().encode(), b"xx", b"xxx"]
        assert orjson.loads(bodies[3])["status"] == 400


@pytest.mark.parametrize(
    "chunk",
    [
        b"tea\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n \r\n",
        b"ffffffffffffffffff\r\nhello",
    ],
)
def test_a_malformed_chunk_ends_the_connection_with_400_and_nothing_behind_it_is_a_request(
    quick: int, chunk: bytes
) -> None:
    with ExitStack() as stack:
        client = connect(stack, quick, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + GET)
        assert response_to(client)[0] == 400
        assert client.recv(1) == b""


REQUESTS = [
    GET,
    b"POST / HTTP/1.1\r\ncontent-LENGTH:  5 \r\n\r\nhello",
    b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe\r\no\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
]


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4), st.data())
def test_where_a_request_ends_does_not_depend_on_how_it_is_cut(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    found: list[bytes] = []
    incoming = Incoming()
    for start, stop in pairwise([0, *cuts, len(stream)]):
        piece = stream[start:stop]
        while piece:
            incoming.feed(piece)
            piece = b""
            if incoming.complete:
                assert not incoming.truncated
                found.append(b"".join(incoming.pieces()))
                incoming.close()
                piece, incoming = incoming.rest, Incoming()
    incoming.close()
    assert found == requests


def test_at_the_limit_of_connections_a_new_client_gets_in(tmp_path: Path) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(serving(tmp_path, WORKER, "--worker-connections", "20"))
        idle = [connect(stack, port) for _ in range(60)]
        assert sum(workers_of(stack, port, 4).values()) == 4
        assert idle[0].recv(1) == b""  # The one that waited longest had to go.


def test_a_reload_is_not_noticed(tmp_path: Path) -> None:
    """Clients ask without a pause, over new connections and kept ones, while the workers are replaced."""
    with private_port() as port, started(tmp_path, port) as program:
        stop = threading.Event()

        def ask() -> set[int]:
            workers = set()
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as kept:
                while not stop.is_set():
                    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as fresh:
                        for connection in (fresh, kept):
                            connection.request("GET", "/")
                            workers.add(int(connection.getresponse().read()))
            return workers

        before = set(program.children())
        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            program.send_signal(signal.SIGHUP)
            replaced = wait_until(lambda: len(program.children()) == 2 and not before & set(program.children()), 60)
            stop.set()
            workers = set().union(*[each.result() for each in asking])
        assert replaced
        assert workers - before
