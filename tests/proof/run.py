"""One run of the proof: servers, machines, writers, readers, faults, and the report."""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg2

from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from tests.helpers.programs import Program

from .faults import Faults
from .history import History
from .machines import Machine, machines

ROWS = 3
WRITERS = 3
READERS = 6
LIMITS = {"STATEMENT_TIMEOUT": "2", "CONNECT_TIMEOUT": "2"}


@dataclass
class Report:
    """What a run checked and what it found."""

    counts: Counter[str]
    faults: Counter[str]
    openings: int
    violations: list[str]
    recovery: dict[str, float]
    """For each fault, the longest that requests failed after it had ended, in seconds."""
    slowest: float
    """The longest that a response took, in seconds."""
    silent: list[str] = field(default_factory=list)
    """What did not happen, and must for the run to prove anything."""

    def __str__(self) -> str:
        lines = [f"{self.counts[name]:8} {name}" for name in sorted(self.counts)]
        lines += [f"{self.openings:8} epochs opened"]
        lines += [f"{self.slowest:8.1f} s for the slowest response"]
        for name, count in sorted(self.faults.items()):
            lines.append(f"{count:8} × {name}, {self.recovery[name]:.1f} s of errors afterwards")
        lines += [f"{len(self.violations):8} violations", *self.violations[:5]]
        return "\n".join(lines + [f"nothing proved: no {each}" for each in self.silent])


def prepare(stack: Stack) -> list[str]:
    """Migrate the databases and create the rows; return their identifiers."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "migrate", "up"]
    environment = os.environ | stack.environment() | {"APP_MODE": "development"}
    with Program(*command, environment=environment) as migration:
        assert migration.wait() == 0, migration.said
    rows = [str(uuid.uuid4()) for _ in range(ROWS)]
    for row in rows:
        stack.postgres.execute(
            "INSERT INTO blog.categories (id, created_at, updated_at, name, slug, description) "
            "VALUES (%s, now(), now(), %s, %s, '0')",
            (row, f"Row {row[:8]}", f"row-{row[:8]}"),
            database="blog_app",
        )
    return rows


def prove(
    stack: Stack,
    rows: list[str],
    seconds: float,
    *,
    seed: int = 1,
    mutation: str = "",
    only: tuple[str, ...] = (),
) -> Report:
    """Read and write for `seconds` while faults happen; stop early at a violation.

    `only`: these faults and no others, and all writes through the first machine, so that a fault of the last one is
    not found by a writer.
    """
    history, injected, epochs, recovery = History(), Counter[str](), set[str](), defaultdict[str, float](float)
    chance = random.Random(seed)
    over = threading.Event()
    assert stack.redis
    primary = str(stack.postgres.port)
    with machines(stack.environment(), stack.redis.port, mutation=mutation) as started:
        history.unmarked_lately = lambda: any(machine.unmarked_lately() for machine in started)
        to = started[:1] if only else started
        workers: list[Callable[[], None]] = [
            *[Writer(history, to, rows, seed * 100 + number, over) for number in range(WRITERS)],
            *[Reader(history, started, rows, seed * 200 + number, over, primary) for number in range(READERS)],
            lambda: _watch_epochs(stack, epochs, over),
        ]
        threads = [threading.Thread(target=worker, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        faults = Faults(stack, started, chance)
        end = time.monotonic() + seconds
        names = list(only or faults.all)
        name, ended = "", time.monotonic()
        while time.monotonic() < end and not history.violations:
            for upcoming in names:
                if time.monotonic() > end or history.violations:
                    break
                # Faults find an open epoch as a rule, so that there are hits that could be wrong.
                wait_until(lambda: bool(_is_open(stack)), chance.uniform(0, 8))
                time.sleep(chance.uniform(0.2, 1.5))
                recovery[name] = max(recovery[name], history.last_failure - ended)
                name = upcoming
                faults.all[name]()
                ended = time.monotonic()
                injected[name] += 1
            chance.shuffle(names)
        recovery[name] = max(recovery[name], history.last_failure - ended)
        over.set()
        for thread in threads:
            thread.join(30)
    counts = history.counts
    needed = {
        "writes": counts["writes"],
        "hits": counts["hit"],
        "replica reads": counts["replica"],
        "openings": len(epochs),
    }
    return Report(
        counts,
        injected,
        len(epochs),
        history.violations,
        recovery,
        history.slowest,
        [name for name, count in needed.items() if not count],
    )


class Caller:
    """A thread that sends requests to any machine until the run is over."""

    def __init__(
        self, history: History, started: list[Machine], rows: list[str], seed: int, over: threading.Event
    ) -> None:
        self.history = history
        self.machines = started
        self.rows = rows
        self.chance = random.Random(seed)
        self.over = over
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def __call__(self) -> None:
        while not self.over.is_set():
            self.act()
        for connection in self._connections.values():
            connection.close()

    def act(self) -> None:
        raise NotImplementedError

    def send(self, method: str, path: str) -> http.client.HTTPResponse | None:
        """Return the response with its body as `content`; None without one, or for an error."""
        port = self.chance.choice(self.machines).port
        connection = self._connections.get(port)
        if connection is None:
            connection = self._connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        started = time.monotonic()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.content = response.read()  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException):
            connection.close()
            self.history.count("without a response")
            time.sleep(0.02)
            return None
        self.history.slowest = max(self.history.slowest, time.monotonic() - started)
        if response.status != 200:
            self.history.failed(f"{method} {path}", response.status)
            return None
        return response


class Writer(Caller):
    """Adds to rows."""

    def act(self) -> None:
        row = self.chance.choice(self.rows)
        response = self.send("POST", f"/proof/{row}")
        if response:
            self.history.wrote(row, int(response.content))  # type: ignore[attr-defined]
        time.sleep(self.chance.uniform(0, 0.06))


class Reader(Caller):
    """Reads rows, one by one and in lists, from the cache and from replicas."""

    def __init__(self, *args: object, **options: object) -> None:
        *rest, self.primary = args
        super().__init__(*rest, **options)  # type: ignore[arg-type]

    def act(self) -> None:
        row = self.chance.choice(self.rows)
        kind = self.chance.choice(("item", "list", "uncached"))
        bounds = {each: self.history.lower_bound(each) for each in self.rows}
        if kind == "uncached":
            response = self.send("GET", f"/proof/{row}")
            if response:
                how = "primary" if response.headers["X-Server"] == self.primary else "replica"
                self.history.read(row, bounds[row], int(response.content), how)  # type: ignore[attr-defined]
            return
        path = f"/api/v1/categories/{row}" if kind == "item" else "/api/v1/categories?limit=100"
        response = self.send("GET", path)
        if response:
            document = json.loads(response.content)  # type: ignore[attr-defined]
            for found in [document] if kind == "item" else document["data"]:
                if found["id"] in bounds:
                    value = int(found["description"])
                    self.history.read(found["id"], bounds[found["id"]], value, response.headers["X-Cache"])


def _watch_epochs(stack: Stack, epochs: set[str], over: threading.Event) -> None:
    """Collect the epochs that were open."""
    while not over.wait(0.1):
        if epoch := _is_open(stack):
            epochs.add(epoch)


def _is_open(stack: Stack) -> str:
    """Return the open epoch; empty: there is none."""
    with suppress(psycopg2.Error):
        row = stack.postgres.execute("SELECT epoch::text, status FROM blog.watermark_epoch", database="blog_app")[0]
        return str(row[0]) if row[1] == "open" else ""
    return ""
