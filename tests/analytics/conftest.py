"""Page views that are counted, and sent and stored when the test says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest
import redis
from flask import Flask

from blog_app.analytics import buffer, partitions, queue, storage, visitors
from blog_app.analytics import counting as rules
from blog_app.analytics.models import PageView
from blog_app.background.jobs import JOBS
from blog_app.blog.models import PostCounters
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers.caller import Caller, anonymous
from tests.helpers.worker import work

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


@dataclass
class Counting:
    """The way of a page view, step by step."""

    app: Flask
    buffer: buffer.PageViewBuffer

    def read(self, post: dict, *, by: Caller | None = None, status: int = 200, **headers: str) -> None:
        """Read a post, with a browser."""
        by = by or anonymous(self.app)
        by.get(f"/posts/{post['slug']}", status=status, **{"User-Agent": BROWSER, **headers})

    def send(self) -> None:
        """What the thread does each second."""
        with self.app.app_context():
            self.buffer.flush()

    def store(self) -> None:
        """What the worker does: store what waits in Redis, and tell the blog."""
        while self.waiting():
            self.run("store_queued_views")
        work(self.app)

    def all(self) -> None:
        self.send()
        self.store()

    def run(self, job: str) -> bool | None:
        """Run a job of analytics as the worker does."""
        with self.app.app_context():
            with databases.analytics.atomic():
                outcome = JOBS[f"analytics.{job}"].function()
            return outcome() if callable(outcome) else outcome

    def waiting(self) -> int:
        """How many batches wait in Redis."""
        return redis.Redis.from_url(self.app.config["SETTINGS"].redis_url).llen(queue.KEY)

    def stored(self) -> int:
        return PageView.select().count()

    def counter(self, post: dict) -> int:
        """What the blog says of a post's views."""
        return PostCounters.select(PostCounters.views).where(PostCounters.post == UUID(post["id"])).scalar() or 0


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Let neither midnight nor the end of a month come in the middle of a test."""
    found = now()
    for module in (partitions, storage, visitors):
        monkeypatch.setattr(module, "now", lambda: found)
    monkeypatch.setattr(rules, "time", found.timestamp)
    return found


@pytest.fixture
def counting(app: Flask, instant: datetime, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """The app, which counts; its thread does not run."""
    monkeypatch.setattr(buffer.PageViewBuffer, "_start", lambda self: None)
    mine = buffer.PageViewBuffer(app)
    monkeypatch.setitem(app.extensions, "watchers", {"posts.show_post": [mine.add]})
    redis.Redis.from_url(app.config["SETTINGS"].redis_url).delete(queue.KEY)
    return Counting(app, mine)
