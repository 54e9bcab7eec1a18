"""Load during a move: readers and writers of posts through the API, who check that no read is outdated.

Each writer has its own post and writes the next number into it. Once a number is acknowledged, no reader may see a
smaller one.
"""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from functools import partial
from typing import Any

from tests.helpers.threads import BackgroundLoops

PAUSE = 0.05


class Load(BackgroundLoops):
    """One writer for each post, and `readers` readers; `wrong` lists the errors."""

    def __init__(self, port: int, token: str, posts: list[str], readers: int = 2) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.acknowledged = dict.fromkeys(posts, 0)
        self.tried = dict.fromkeys(posts, 0)
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.longest_refusal = 0.0
        super().__init__(*(partial(self._write, post) for post in posts), *[self._read] * readers)

    def _write(self, post: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        refused_since = None
        while not self.stopping.wait(PAUSE):
            self.tried[post] += 1
            number = self.tried[post]
            body = json.dumps({"content": f"number {number} "})
            status, headers, response_body = self._send(connection, "PATCH", f"/api/v1/posts/{post}", body)
            self.seen[f"write {status}"] += 1
            if status == 200:
                self.acknowledged[post] = number
                if refused_since:
                    self.longest_refusal = max(self.longest_refusal, time.monotonic() - refused_since)
                refused_since = None
            elif status == 503 and headers["Retry-After"] and "problem+json" in headers["Content-Type"]:
                refused_since = refused_since or time.monotonic()
            else:
                self.wrong.append(f"write: {status} {response_body!r}")
        connection.close()

    def _read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.stopping.wait(PAUSE / 4):
            for post in self.acknowledged:
                minimum = self.acknowledged[post]
                status, headers, response_body = self._send(connection, "GET", f"/api/v1/posts/{post}?fields=content")
                self.seen[f"read {status} {headers.get('X-Cache')}"] += 1
                if status != 200:
                    self.wrong.append(f"read: {status} {response_body!r}")
                elif not minimum <= (number := number_in(json.loads(response_body)["content"])) <= self.tried[post]:
                    self.wrong.append(f"read {number} after {minimum} was acknowledged ({headers.get('X-Cache')})")
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> Any:
        try:
            # Without a token, reads may be served from the cache.
            connection.request(method, path, body=body, headers=self.headers if body else {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 0, {}, repr(error)


def number_in(content: str) -> int:
    """Return the number in the content of a post."""
    return int(content.split()[1])
