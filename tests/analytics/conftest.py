"""Fixtures for page views whose buffer is flushed and stored step by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest
import redis
from flask import Flask

from blog_app.analytics import buffer, counting as rules, partitions, queue, storage, visitors
from blog_app.analytics.models import PageView
from blog_app.background.jobs import JOBS
from blog_app.blog.models import PostCounters
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.data.watermarks import redis_key
from tests.helpers.caller import Caller, anonymous
from tests.helpers.worker import deliver_all

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


@dataclass
class Counting:
    """The pipeline of page views, step by step."""

    app: Flask
    buffer: buffer.PageViewBuffer

    def read(self, post: dict, *, by: Caller | None = None, status: int = 200, **headers: str) -> None:
        """Read a post as a browser does."""
        by = by or anonymous(self.app)
        by.get(f"/posts/{post['slug']}", status=status, **{"User-Agent": BROWSER, **headers})

    def flush(self) -> None:
        """Flush the buffer, as its thread does."""
        with self.app.app_context():
            self.buffer.flush()

    def store(self) -> None:
        """Store the queued batches and update the blog's counters, as the worker does."""
        while self.waiting():
            self.run("store_queued_views")
        deliver_all(self.app)

    def all(self) -> None:
        self.flush()
        self.store()

    def run(self, job: str) -> bool | None:
        """Run a job of analytics, as the worker does."""
        with self.app.app_context():
            with databases.analytics.atomic():
                outcome = JOBS[f"analytics.{job}"].function()
            return outcome() if callable(outcome) else outcome

    def waiting(self) -> int:
        """Return the number of queued batches."""
        return redis.Redis.from_url(self.app.config["SETTINGS"].redis_url).llen(redis_key(queue.KEY))

    def stored(self) -> int:
        return PageView.select().count()

    def counter(self, post: dict) -> int:
        """Return the view counter of a post."""
        return PostCounters.select(PostCounters.views).where(PostCounters.post == UUID(post["id"])).scalar() or 0


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Freeze the time, so that neither midnight nor the end of a month falls into a test."""
    found = now()
    for module in (partitions, storage, visitors):
        monkeypatch.setattr(module, "now", lambda: found)
    monkeypatch.setattr(rules, "time", found.timestamp)
    return found


@pytest.fixture
def counting(app: Flask, instant: datetime, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """The app with page view counting, without the buffer's thread."""
    mine = buffer.PageViewBuffer(app)
    monkeypatch.setattr(mine._thread, "ensure_running", lambda: None)
    monkeypatch.setitem(app.extensions, "read_hooks", {"posts.show_post": [mine.add]})
    redis.Redis.from_url(app.config["SETTINGS"].redis_url).delete(redis_key(queue.KEY))
    return Counting(app, mine)
