"""`rediss://`: a Redis behind TLS; here one with a self-signed certificate, as on Heroku."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from blog_app.config import ConfigurationError, Settings
from blog_app.data.watermarks.redis_link import RedisLink, RedisUnreachable
from blog_app.development.local.stack import Stack

pytestmark = pytest.mark.redis

CERTIFICATE = Path(__file__).parents[2] / "helpers" / "self_signed.pem"


@pytest.fixture(scope="module")
def tls_port(stack: Stack) -> Iterator[int]:
    """The port of a TLS server that passes on to Redis."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    assert stack.redis
    address = ("127.0.0.1", stack.redis.port)

    class Forward(BaseRequestHandler):
        def handle(self) -> None:
            with (
                context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False) as client,
                suppress(OSError),
                socket.create_connection(address) as redis,
            ):
                client.do_handshake()
                Thread(target=copy, args=(redis, client), daemon=True).start()
                copy(client, redis)

    with ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def link(port: int, **variables: str) -> RedisLink:
    environment = {"APP_MODE": "test", "DATABASE_URL": "postgresql://localhost/blog"} | variables
    settings = Settings.from_environment({**environment, "REDIS_URL": f"rediss://127.0.0.1:{port}/0"})
    assert settings.redis_url
    return RedisLink(settings.redis_url, timeout=5, prefix="test")


def test_a_self_signed_certificate_is_refused_and_the_error_says_why(tls_port: int) -> None:
    redis = link(tls_port)
    with pytest.raises(RedisUnreachable, match="certificate verify failed"):
        redis.read_run_id()
    redis.stop()


def test_a_self_signed_certificate_is_accepted_if_it_need_not_be_verified(tls_port: int) -> None:
    redis = link(tls_port, REDIS_TLS_VERIFY="no")
    assert redis.call(redis.read_run_id(), "PING") == b"PONG"
    redis.disconnect()
    redis.stop()


def test_the_setting_is_yes_or_no_and_leaves_other_urls_alone() -> None:
    with pytest.raises(ConfigurationError, match="REDIS_TLS_VERIFY is 'maybe', it must be one of: yes, no"):
        link(1, REDIS_TLS_VERIFY="maybe")
    plain = {"APP_MODE": "test", "DATABASE_URL": "postgresql://localhost/blog", "REDIS_URL": "redis://localhost/3"}
    assert Settings.from_environment({**plain, "REDIS_TLS_VERIFY": "no"}).redis_url == "redis://localhost/3"
