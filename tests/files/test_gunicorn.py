"""Uploads and downloads over HTTP, with clients that disconnect, stall, send too much, or read slowly."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from blog_app.files.models import Chunk, Content, Node
from blog_app.files.storage import CHUNK_BYTES
from tests.helpers.caller import API, Caller, sign_up
from tests.helpers.files import FORM, form_body
from tests.helpers.web_server import Web, gunicorn

THREADS = 2
BIG = random.Random(2).randbytes(14 * CHUNK_BYTES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory for the web process's temporary files."""
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def web(migrated_app: Flask, stack: Stack, folder: Path) -> Iterator[Web]:
    """One process with few threads, so that a blocked thread is noticed."""
    variables = {"WEB_CONCURRENCY": "1", "WEB_THREADS": str(THREADS), "TMPDIR": str(folder)}
    variables["GUNICORN_CMD_ARGS"] = "--worker-class tests.helpers.short_timeout_worker.Worker"
    with gunicorn(stack, MAX_FILE_BYTES="8000000", **variables) as web:
        yield web


@pytest.fixture(scope="module")
def port(web: Web) -> int:
    return web.port


@pytest.fixture
def ada(app: Flask) -> Caller:
    return sign_up(app, name="Ada")


def head(caller: Caller, path: str, *lines: str) -> bytes:
    fields = (f"POST {API}{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {caller.token}", *lines)
    return "\r\n".join((*fields, "", "")).encode()


def send(
    caller: Caller, port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """Send a request over a connection of its own; return the status and the body of the response."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, API + path, body, {"Authorization": f"Bearer {caller.token}", **headers})
        response = connection.getresponse()
        return response.status, response.read()


BROKEN = {
    "a body that is shorter than announced": (("Content-Length: 3000000",), BIG[:1_500_000]),
    "a chunk that is shorter than announced": (("Transfer-Encoding: chunked",), b"100000\r\n" + BIG[:500_000]),
    "chunks without an end": (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n"),
    "a chunk without a size": (("Transfer-Encoding: chunked",), b"tea\r\n" + BIG[:1_000]),
    "a form without an end": (("Content-Length: 3000000", f"Content-Type: {FORM}"), form_body("x", BIG)[:1_500_000]),
}


@pytest.mark.parametrize("ending", ["disconnects", "stalls"])
def test_an_incomplete_upload_stores_nothing(
    app: Flask, web: Web, port: int, ada: Caller, ending: str, folder: Path
) -> None:
    for number, (lines, half) in enumerate(BROKEN.values()):
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.sendall(head(ada, f"/files?name={number}", *lines) + half)
            if ending == "stalls":
                response = http.client.HTTPResponse(client)
                response.begin()
                malformed = number == 3
                assert response.status == (400 if malformed else 408)
                assert json.loads(response.read())["title"] == ("Bad Request" if malformed else "Request Timeout")
    # All threads are free again, and the broken connections have been handled.
    for number in range(2 * THREADS):
        assert send(ada, port, "POST", f"/files?name=whole-{number}", BIG)[0] == 201
    assert (Node.select().count(), Content.select().count(), Chunk.select().count()) == (2 * THREADS, 1, 14)
    assert list(folder.iterdir()) == []
    assert "Traceback" not in web.said


@pytest.mark.parametrize("content_type", ["application/octet-stream", FORM])
def test_a_too_large_upload_gets_a_413_response(port: int, ada: Caller, content_type: str) -> None:
    body = form_body("x", BIG * 3) if content_type == FORM else BIG * 3
    status, response = send(ada, port, "POST", "/files?name=x", body, **{"Content-Type": content_type})
    assert status == 413
    assert json.loads(response)["detail"] == "The file is larger than 8000000 bytes."
    assert send(ada, port, "POST", "/files?name=x", BIG)[0] == 201


def test_a_file_is_downloaded_whole_in_part_and_by_a_slow_client(port: int, ada: Caller, stack: Stack) -> None:
    file = json.loads(send(ada, port, "POST", "/files?name=x", BIG)[1])
    path = f"/files/{file['id']}/content"
    assert send(ada, port, "GET", path) == (200, BIG)
    assert send(ada, port, "GET", path, Range="bytes=1000000-1999999") == (206, BIG[1_000_000:2_000_000])
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(head(ada, path).replace(b"POST", b"GET", 1))
        response = http.client.HTTPResponse(slow)
        response.begin()
        # The client reads nothing yet; meanwhile no transaction is open for it. Lease renewals are ignored.
        databases.files.release()
        idle = "SELECT query FROM pg_stat_activity WHERE starts_with(state, 'idle in') AND query !~ 'watermark'"
        assert databases.files.execute_sql(idle).fetchall() == []
        assert response.read() == BIG


def test_a_client_that_never_reads_its_download_blocks_no_thread(port: int, ada: Caller) -> None:
    large = BIG * 2  # More than fits in the buffers of a connection.
    file = json.loads(send(ada, port, "POST", "/files?name=x", large)[1])
    stalled = []
    for _ in range(THREADS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(head(ada, f"/files/{file['id']}/content").replace(b"POST", b"GET", 1))
        stalled.append(client)
    assert send(ada, port, "GET", f"/files/{file['id']}/content") == (200, large)
    for client in stalled:
        client.close()


def upload_succeeds(caller: Caller, port: int, name: str) -> bool:
    """Upload a file; return whether that succeeded."""
    try:
        return send(caller, port, "POST", f"/files?name={name}", BIG)[0] == 201
    except (OSError, http.client.HTTPException):
        return False


def test_a_worker_killed_during_an_upload_leaves_nothing(web: Web, port: int, ada: Caller, folder: Path) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()  # Now one worker has accepted the connection.
        client = connection.sock
        client.sendall(head(ada, "/files?name=x", "Content-Length: 3000000") + BIG[:1_500_000])
        for worker in web.children():
            os.kill(worker, signal.SIGKILL)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert wait_until(lambda: upload_succeeds(ada, port, "y"), 60)
    assert Node.select().count() == 1
    assert list(folder.iterdir()) == []
