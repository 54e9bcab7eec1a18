"""A circuit breaker: while a server is unreachable, calls fail at once, and a thread finds out when it is back.

* `open` refuses calls from now on. `suspect` has the server probed first. An error opens the circuit, but silence does
  not: the server may be busy. If it is frozen, the calls that wait for it will say so.
* The server is probed at once, then again and again with growing pauses, up to `MAX_PAUSE`: by one thread, so no
  request waits for a probe, or is the one that tries. The circuit closes with the first answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import count

from blog_app.data.background_thread import BackgroundThread
from blog_app.data.backoff import delay

log = logging.getLogger(__name__)

MIN_PAUSE, MAX_PAUSE = 0.05, 0.5


class CircuitBreaker:
    """The circuit breaker of one server. `probe` raises one of `errors` while the server does not answer."""

    def __init__(self, name: str, probe: Callable[[], object], errors: tuple[type[Exception], ...]) -> None:
        self.name = name
        self.on_open: Callable[[], None] = lambda: None
        """Called when the circuit opens."""
        self._probe = probe
        self._errors = errors
        self._is_open = False
        self._answered = float("-inf")
        self._silence_opens = False
        self._thread = BackgroundThread(f"probe of {name}", self._run)

    def is_open(self) -> bool:
        """Return whether calls must fail at once."""
        if self._is_open:
            self._thread.ensure_running()  # A fork, or its end in the moment of `open`, may have stopped it.
        return self._is_open

    def open(self, reason: object) -> None:
        """Refuse calls until the server answers a probe."""
        if not self._is_open and not self._thread.stopped.is_set():
            log.warning("circuit breaker of %s opens: %s", self.name, " ".join(str(reason).split()))
            self._is_open = True
            self.on_open()
        self._thread.ensure_running()

    def suspect(self, timeout: float = 0.0, *, silence_opens: bool = False) -> None:
        """Probe the server, unless that is being done; return when it has answered, at the latest after `timeout`."""
        self._silence_opens |= silence_opens
        self._thread.ensure_running()
        if timeout:
            self._thread.join(timeout)

    def is_answering(self, timeout: float) -> bool:
        """Return whether the server answers a probe within `timeout` seconds."""
        started = time.monotonic()
        if not self.is_open():
            self.suspect(timeout)
        return not self._is_open and self._answered > started - MAX_PAUSE

    def stop(self) -> None:
        """End the probes, for good."""
        self._thread.stop()

    def _run(self) -> None:
        for failures in count(1):
            try:
                self._probe()
                break
            except self._errors as error:
                if isinstance(error, TimeoutError) and not self._is_open and not self._silence_opens:
                    log.warning("%s does not answer a probe: %s", self.name, error)
                    return
                self.open(error)
            if self._thread.stopped.wait(delay(failures, first=MIN_PAUSE, longest=MAX_PAUSE)):
                return
        self._answered, self._silence_opens = time.monotonic(), False
        if self._is_open:
            log.warning("circuit breaker of %s closes", self.name)
            self._is_open = False
