"""Load: clients that read and write through the API, and long transactions that hold locks."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

import psycopg2

from tests.helpers.threads import BackgroundLoops

PAUSE = 0.08
"""Seconds between two requests of a client."""
MAX_SECONDS = 30.0


@dataclass
class Measured:
    """What the clients measured during one migration."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    open_requests: int = 0
    """Requests that wait for their response."""

    @property
    def slowest(self) -> float:
        return max(self.times, default=0.0)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / max(self.seconds, 0.001)


class Traffic(BackgroundLoops):
    """`clients` at the same time, each with its own connection: lists, single posts, edits, new posts."""

    def __init__(self, port: int, token: str, posts: Sequence[str], clients: int = 4) -> None:
        super().__init__(*(partial(self._run_client, number) for number in range(clients)))
        self.port, self.posts = port, posts
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.measured = Measured()
        self._all_finished = threading.Condition()

    @contextmanager
    def measure(self) -> Iterator[Measured]:
        """Yield the measurements while the context runs; end when all its requests have a response.

        Otherwise the slowest would be missed.
        """
        began = time.monotonic()
        with self._all_finished:
            self.measured = measured = Measured()
        yield measured
        with self._all_finished:
            self.measured = Measured()
            self._all_finished.wait_for(lambda: not measured.open_requests, timeout=MAX_SECONDS)
        measured.seconds = time.monotonic() - began
        if measured.open_requests:
            measured.failures.append(f"{measured.open_requests} requests without a response")
        measured.failures += ["a client is gone" for each in self.calls if not each.running]

    def _run_client(self, number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=MAX_SECONDS)
        while not self.stopping.wait(PAUSE * chance.uniform(0.5, 1.5)):
            self._request(connection, chance)
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, chance: random.Random) -> None:
        method, path, body, expected = self._choice(chance)
        with self._all_finished:
            measured, began = self.measured, time.monotonic()
            measured.open_requests += 1
        try:
            connection.request(method, f"/api/v1{path}", body=json.dumps(body) if body else None, headers=self.headers)
            response = connection.getresponse()
            content = response.read()
            if response.status != expected:
                measured.failures.append(f"{method} {path}: {response.status} {content[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            measured.failures.append(f"{method} {path}: {error!r}")
            connection.close()
        with self._all_finished:
            measured.times.append(time.monotonic() - began)
            measured.open_requests -= 1
            self._all_finished.notify_all()

    def _choice(self, chance: random.Random) -> tuple[str, str, dict[str, object] | None, int]:
        number = chance.random()
        if number < 0.4:
            return "GET", f"/posts/{chance.choice(self.posts)}", None, 200
        if number < 0.6:
            return "GET", "/posts?limit=20&include=tags,category", None, 200
        if number < 0.9:
            return "PATCH", f"/posts/{chance.choice(self.posts)}", {"content": f"Edited {chance.random()}"}, 200
        title = f"A new post {chance.randrange(10**9)}"
        return "POST", "/posts", {"title": title, "content": "Some *words*."}, 201


class LongTransactions(BackgroundLoops):
    """Transactions, one after the other, that have read the table and written another, and stay open for a while."""

    def __init__(self, url: str, *, held: float, free: float) -> None:
        super().__init__(self._hold)
        self.url, self.held, self.free = url, held, free
        self.began = 0
        """The number of transactions that have begun and hold their locks."""
        self._begun = threading.Condition()

    def wait_for_the_next(self) -> None:
        """Return when a transaction has just begun, whose locks block what starts now."""
        with self._begun:
            before = self.began
            assert self._begun.wait_for(lambda: self.began > before, timeout=MAX_SECONDS), "no transaction holds a lock"

    def _hold(self) -> None:
        while not self.stopping.is_set():
            with open_transaction(self.url):
                with self._begun:
                    self.began += 1
                    self._begun.notify_all()
                self.stopping.wait(self.held)
            self.stopping.wait(self.free)


@contextmanager
def open_transaction(url: str) -> Iterator[None]:
    """Keep a transaction open that has read the posts and written another table."""
    with closing(psycopg2.connect(url, application_name="somebody's report")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM blog.posts LIMIT 1")
            cursor.execute("UPDATE blog.categories SET description = description")
        yield
