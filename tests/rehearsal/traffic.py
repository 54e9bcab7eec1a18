"""People who read and write through the API all the time, and one who holds locks for part of it."""

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
"""Seconds between two requests of one person."""
LONGEST = 30.0


@dataclass
class Seen:
    """What the people saw during one change."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    asking: int = 0
    """Requests that wait for their answer."""

    @property
    def slowest(self) -> float:
        return max(self.times, default=0.0)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / max(self.seconds, 0.001)


class Traffic(BackgroundLoops):
    """`people` at once, each on a connection of its own: lists, single posts, edits, new posts."""

    def __init__(self, port: int, token: str, posts: Sequence[str], people: int = 4) -> None:
        super().__init__(*(partial(self._live, number) for number in range(people)))
        self.port, self.posts = port, posts
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.seen = Seen()
        self._all_answered = threading.Condition()

    @contextmanager
    def watched(self) -> Iterator[Seen]:
        """Yield what is seen while the context runs; it ends when the requests made meanwhile are answered.

        Else one that still waits would be missed, and it is the slowest.
        """
        began = time.monotonic()
        with self._all_answered:
            self.seen = seen = Seen()
        yield seen
        with self._all_answered:
            self.seen = Seen()
            self._all_answered.wait_for(lambda: not seen.asking, timeout=LONGEST)
        seen.seconds = time.monotonic() - began
        if seen.asking:
            seen.failures.append(f"{seen.asking} requests without an answer")
        seen.failures += ["a person is gone" for each in self.calls if not each.running]

    def _live(self, number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        while not self.stopping.wait(PAUSE * chance.uniform(0.5, 1.5)):
            self._request(connection, chance)
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, chance: random.Random) -> None:
        method, path, body, expected = self._choice(chance)
        with self._all_answered:
            seen, began = self.seen, time.monotonic()
            seen.asking += 1
        try:
            connection.request(method, f"/api/v1{path}", body=json.dumps(body) if body else None, headers=self.headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != expected:
                seen.failures.append(f"{method} {path}: {response.status} {answer[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            seen.failures.append(f"{method} {path}: {error!r}")
            connection.close()
        with self._all_answered:
            seen.times.append(time.monotonic() - began)
            seen.asking -= 1
            self._all_answered.notify_all()

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
    """Somebody who holds a transaction open that has read the table and written another, again and again."""

    def __init__(self, url: str, *, held: float, free: float) -> None:
        super().__init__(self._hold)
        self.url, self.held, self.free = url, held, free
        self.began = 0
        """How many transactions have begun and hold their locks."""
        self._begun = threading.Condition()

    def wait_for_the_next(self) -> None:
        """Return when a transaction has just begun: what starts now meets its locks."""
        with self._begun:
            before = self.began
            assert self._begun.wait_for(lambda: self.began > before, timeout=LONGEST), "nobody holds a lock any more"

    def _hold(self) -> None:
        while not self.stopping.is_set():
            with report(self.url):
                with self._begun:
                    self.began += 1
                    self._begun.notify_all()
                self.stopping.wait(self.held)
            self.stopping.wait(self.free)


@contextmanager
def report(url: str) -> Iterator[None]:
    """Have a transaction open while the context runs, which has read the posts and written another table."""
    with closing(psycopg2.connect(url, application_name="somebody's report")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM blog.posts LIMIT 1")
            cursor.execute("UPDATE blog.categories SET description = description")
        yield
