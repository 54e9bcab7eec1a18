"""Page view counting with real processes: kills and shutdowns of web processes, worker and Redis."""

from __future__ import annotations

import http.client
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from peewee import fn

from blog_app import create_app
from blog_app.analytics.models import DailyTotal, PageView
from blog_app.analytics.rollups import roll_up_days
from blog_app.blog.models import PostCounters
from blog_app.config import Settings
from blog_app.data import databases
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway
from tests.analytics.conftest import BROWSER
from tests.blog.test_posts import write_post
from tests.conftest import empty_all_tables
from tests.helpers.caller import API, sign_up
from tests.helpers.programs import Program
from tests.helpers.web_server import Web, gunicorn

READERS, ROUNDS = 4, 60
SECONDS = 60


@dataclass
class Site:
    """gunicorn with two processes, and workers, on their own servers."""

    stack: Stack
    posts: list[dict]
    web: Web
    programs: ExitStack

    def start_worker(self) -> Program:
        environment = os.environ | self.stack.environment() | {"APP_MODE": "test"}
        return self.programs.enter_context(
            Program(Path(sys.executable).parent / "flask", "worker", environment=environment)
        )

    def read(self, times: int) -> Counter[str]:
        """Read posts; return the number of responses of each."""
        served: Counter[str] = Counter()
        with closing(http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=30)) as connection:
            for _ in range(times):
                post = random.choice(self.posts)
                connection.request("GET", f"{API}/posts/{post['slug']}", headers={"User-Agent": BROWSER})
                response = connection.getresponse()
                response.read()
                assert response.status == 200
                served[post["id"]] += 1
        return served

    def counted(self) -> Counter[str]:
        """Return the view counters of the posts."""
        return Counter({str(row.post_id): row.views for row in PostCounters.select()})


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Stack, Flask]]:
    """Servers that keep their data when they stop, and an app on them that does not count views."""
    with throwaway(durable=True) as stack:
        app = create_app(Settings.from_environment({**stack.environment(), "APP_MODE": "test", "COUNT_VIEWS": "no"}))
        assert app.test_cli_runner().invoke(args=["migrate", "up"]).exit_code == 0
        yield stack, app


@pytest.fixture
def site(servers: tuple[Stack, Flask]) -> Iterator[Site]:
    stack, app = servers
    empty_all_tables()
    author = sign_up(app, "author")
    posts = [write_post(author, f"Post {number}") for number in range(3)]
    with ExitStack() as programs:
        yield Site(stack, posts, programs.enter_context(gunicorn(stack)), programs)


@pytest.mark.redis
def test_every_view_counts_once_through_worker_kills_and_redis_outages(site: Site) -> None:
    disturbed = threading.Event()

    def disturb() -> None:
        worker = site.start_worker()
        for _ in range(2):
            before = PageView.select().count()
            assert wait_until(lambda before=before: PageView.select().count() > before, SECONDS)
            worker.end(signal.SIGKILL)
            worker = site.start_worker()
        site.stack.redis.freeze()
        time.sleep(2)
        site.stack.redis.thaw()
        site.stack.redis.stop()
        time.sleep(2)
        site.stack.redis.start()
        disturbed.set()

    def read() -> Counter[str]:
        served: Counter[str] = Counter()
        while not disturbed.is_set():
            served += site.read(ROUNDS)
            time.sleep(0.2)
        return served + site.read(ROUNDS)

    with ThreadPoolExecutor(READERS + 1) as pool:
        disturbing = pool.submit(disturb)
        disturbing.add_done_callback(lambda _: disturbed.set())
        reading = [pool.submit(read) for _ in range(READERS)]
        disturbing.result()
        served = sum((each.result() for each in reading), Counter())
    assert wait_until(lambda: site.counted() == served, SECONDS), (site.counted(), served)
    assert PageView.select().count() == served.total()
    with databases.analytics.atomic():
        roll_up_days()
    assert DailyTotal.select(fn.SUM(DailyTotal.views)).scalar() == served.total()


def test_a_killed_web_process_loses_a_second_and_a_stopped_one_nothing(site: Site) -> None:
    site.start_worker()
    served = site.read(ROUNDS)
    assert wait_until(lambda: site.counted() == served, SECONDS)
    for child in site.web.children():
        os.kill(child, signal.SIGKILL)
    assert wait_until(site.web.responds, SECONDS)
    served += site.read(ROUNDS)
    assert site.web.end() == 0
    assert wait_until(lambda: site.counted() == served, SECONDS), (site.counted(), served)
