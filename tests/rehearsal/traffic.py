"""People who read and write through the API all the time, and one who holds locks for part of it."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType

import psycopg2

PAUSE = 0.08
"""Seconds between two requests of one person."""


@dataclass
class Seen:
    """What the people saw during one change."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.times, default=0.0)


class Traffic:
    """`people` at once, each on a connection of its own: lists, single posts, edits, new posts."""

    def __init__(self, port: int, token: str, posts: Sequence[str], people: int = 4) -> None:
        self.port, self.posts, self.people = port, posts, people
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.seen = Seen()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Traffic:
        self._threads = [threading.Thread(target=self._live, args=(number,)) for number in range(self.people)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def watched(self) -> Iterator[Seen]:
        """Yield what is seen while the context runs."""
        self.seen = seen = Seen()
        yield seen

    def _live(self, number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._stop.wait(PAUSE * chance.uniform(0.5, 1.5)):
            self._request(connection, chance)
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, chance: random.Random) -> None:
        method, path, body, expected = self._choice(chance)
        seen, began = self.seen, time.monotonic()
        try:
            connection.request(method, f"/api/v1{path}", body=json.dumps(body) if body else None, headers=self.headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != expected:
                seen.failures.append(f"{method} {path}: {response.status} {answer[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            seen.failures.append(f"{method} {path}: {error!r}")
            connection.close()
        seen.times.append(time.monotonic() - began)

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


@contextmanager
def long_transactions(url: str, *, held: float, free: float) -> Iterator[None]:
    """Hold a transaction that has read and written the table open for `held` seconds, again and again."""
    stop = threading.Event()

    def hold() -> None:
        connection = psycopg2.connect(url, application_name="somebody's report")
        while not stop.is_set():
            with connection.cursor() as cursor:
                cursor.execute("SELECT id FROM blog.posts LIMIT 1")
                cursor.execute("UPDATE blog.categories SET description = description")
            stop.wait(held)
            connection.rollback()
            stop.wait(free)
        with suppress(psycopg2.Error):
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
