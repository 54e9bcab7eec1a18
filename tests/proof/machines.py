"""The app's processes, each with a TCP proxy to Redis that can be cut or redirected."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from blog_app.config import ROOT
from blog_app.development.local.ports import private_ports
from blog_app.development.local.process import wait_until
from tests.helpers.programs import Program

log = logging.getLogger(__name__)


class TcpProxy:
    """A port that forwards to another port, until it is cut; data under way is lost."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._is_cut = True
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        self._is_cut = False

    def redirect(self, target: int) -> None:
        """Forward to another port; clients must connect again."""
        self.cut()
        self.target = target
        self.restore()

    def close(self) -> None:
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=1)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(end)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            self._open.discard(end)
            with suppress(OSError):
                end.close()


LATELY = 5.0
"""Seconds; a commit may take a while after it is known that its mark could not be placed."""


class Machine:
    """One gunicorn with two workers, and its own proxy to Redis."""

    def __init__(self, environment: dict[str, str], port: int, redis_port: int, mutation: str) -> None:
        self.proxy = TcpProxy(redis_port)
        self.port = port
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "tests.proof.wsgi:app"]
        own = {
            "APP_MODE": "development",
            "PORT": str(self.port),
            "REDIS_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            "LOG_LEVEL": "WARNING",
            "REPLICA_LAG_SECONDS": "60",
            "PROOF_MUTATION": mutation,
        }
        self._web = Program(*command, environment=os.environ | environment | own)

    def await_start(self) -> None:
        """Return when a worker has started."""

        def has_started() -> bool:
            assert self._web.poll() is None, self._web.said
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return "Booting worker" in self._web.said
            return False

        assert wait_until(has_started, 60), self._web.said

    def unmarked_lately(self) -> bool:
        """Return whether a write was unmarked here in the last seconds, or was about to be."""
        times = re.findall(r"^unmarked ([\d.]+)$", self._web.said, re.MULTILINE)
        return bool(times) and time.time() - float(times[-1]) < LATELY

    def kill_a_worker(self, which: int) -> None:
        """End a worker as a crash would; gunicorn starts another."""
        if workers := list(self._web.children()):
            with suppress(ProcessLookupError):
                os.kill(workers[which % len(workers)], signal.SIGKILL)

    def stop(self) -> None:
        """Stop it, and return what it logged of internal errors."""
        for line in self._web.said.splitlines():
            if "Internal server error" in line:
                log.error("%s", line)
        workers = self._web.children()
        self._web.kill()
        self._web.close()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.proxy.close()


@contextmanager
def machines(
    environment: dict[str, str], redis_port: int, *, mutation: str = "", count: int = 2
) -> Iterator[list[Machine]]:
    """Yield machines that serve; they end with the context."""
    with closing(private_ports()) as ports:
        started = [Machine(environment, next(ports), redis_port, mutation) for _ in range(count)]
        try:
            for machine in started:
                machine.await_start()
            yield started
        finally:
            for machine in started:
                machine.stop()
