"""The app's processes, and a way to Redis for each that can be cut or held up without Redis noticing."""

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


class Wire:
    """A port that leads to another port, until it is cut; what is under way then is lost."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.cut = False
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def break_(self) -> None:
        """Cut the wire."""
        self.cut = True
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.cut = False

    def lead_to(self, target: int) -> None:
        """Lead to another port; who is connected must connect again."""
        self.break_()
        self.target = target
        self.mend()

    def close(self) -> None:
        self.break_()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.cut:
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
    """One gunicorn with two workers, and its own wire to Redis."""

    def __init__(self, environment: dict[str, str], port: int, redis_port: int, mutation: str) -> None:
        self.wire = Wire(redis_port)
        self.port = port
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "tests.proof.wsgi:app"]
        own = {
            "APP_MODE": "development",
            "PORT": str(self.port),
            "REDIS_URL": f"redis://127.0.0.1:{self.wire.port}/0",
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            "LOG_LEVEL": "WARNING",
            "CONNECT_TIMEOUT": "2",
            "REPLICA_LAG_SECONDS": "60",
            "PROOF_MUTATION": mutation,
        }
        self._web = Program(*command, environment=os.environ | environment | own)

    def await_answer(self) -> None:
        """Return when a worker answers."""

        def answers() -> bool:
            assert self._web.poll() is None, self._web.said
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return "Booting worker" in self._web.said
            return False

        assert wait_until(answers, 60), self._web.said

    def unmarked_lately(self) -> bool:
        """Tell whether a write went unmarked here in the last seconds, or was about to."""
        times = re.findall(r"^unmarked ([\d.]+)$", self._web.said, re.MULTILINE)
        return bool(times) and time.time() - float(times[-1]) < LATELY

    def kill_a_worker(self, which: int) -> None:
        """End a worker as a crash would; gunicorn starts another."""
        if workers := list(self._web.children()):
            with suppress(ProcessLookupError):
                os.kill(workers[which % len(workers)], signal.SIGKILL)

    def stop(self) -> None:
        """End it, and tell what it logged of answers that were its own fault."""
        for line in self._web.said.splitlines():
            if "Internal server error" in line:
                log.error("%s", line)
        workers = self._web.children()
        self._web.kill()
        self._web.close()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.wire.close()


@contextmanager
def machines(
    environment: dict[str, str], redis_port: int, *, mutation: str = "", count: int = 2
) -> Iterator[list[Machine]]:
    """Yield machines that answer; they end with the context."""
    with closing(private_ports()) as ports:
        started = [Machine(environment, next(ports), redis_port, mutation) for _ in range(count)]
        try:
            for machine in started:
                machine.await_answer()
            yield started
        finally:
            for machine in started:
                machine.stop()
