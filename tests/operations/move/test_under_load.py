"""A served blog moves to another server and back while people write and read, through PgBouncer, with Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from blog_app.development.local import programs
from blog_app.development.local.ports import private_port
from blog_app.development.local.postgres import Postgres
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import ROLE, Stack, throwaway
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.redirection import PgBouncerRedirection
from blog_app.operations.move.session import open_move
from tests.helpers.move_load import Load, number_in
from tests.rehearsal.site import SECRET, Site

log = logging.getLogger(__name__)
ROWS = 5_000
MAX_REFUSAL_SECONDS = 15.0
"""Seconds, as a writer sees it, on a machine that has other things to do; two or three where it has none."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with throwaway(
        variables={"APP_MODE": "production", "SECRET_KEY": SECRET, "WRITE_LIMIT": "0", "REDIS_TIMEOUT": "5"}
    ) as stack:
        yield Site(stack, tmp_path_factory.mktemp("site"), ROWS)


@pytest.fixture(scope="module")
def elsewhere(site: Site) -> Iterator[str]:
    """The address of an empty database on another server, with another login."""
    stack: Stack = site.stack
    with private_port() as port:
        server = Postgres(stack.group, programs.postgres(stack.folder), stack.folder / "elsewhere", port)
        server.create()
        server.start()
        server.create_role(ROLE, "another-password")
        server.create_database("blog", owner=ROLE)
        yield server.url("blog", ROLE, "another-password")
        server.stop()


def open_epochs(redis_url: str | None) -> list[str]:
    """Return the epochs of the blog in which something is cached."""
    with closing(redis.Redis.from_url(redis_url or "")) as client:
        return sorted({key.decode().split(":")[2] for key in client.keys("*:{blog}:*:entry:*")})


@pytest.mark.pgbouncer
def test_people_notice_a_few_seconds_in_which_they_cannot_write(site: Site, elsewhere: str) -> None:
    assert site.stack.pgbouncer
    follow = PgBouncerRedirection(site.settings, "blog", site.stack.pgbouncer.folder, site.stack.passwords.admin)
    reported: list[str] = []
    posts = site.posts[:3]
    for post in posts:
        site.query("UPDATE blog.posts SET content = 'number 0 ' WHERE id = %s", (post,))

    def goes_on(kind: str) -> bool:
        before = load.seen[kind]
        return wait_until(lambda: load.seen[kind] > before + 10, 60)

    def go(way: object) -> None:
        with open_move(site.settings, "blog", reported.append, to=elsewhere, redirection=follow) as mover:
            way(mover)  # type: ignore[operator]

    epochs = []
    with site.served() as port, Load(port, site.token, posts) as load:
        for way in (Mover.forward, Mover.back):
            assert goes_on("read 200 hit"), load.seen
            epochs += open_epochs(site.settings.redis_url)
            go(way)
            assert goes_on("write 200"), load.seen
    assert len(set(epochs)) == 2, "what was cached at one side was looked up for the other"
    log.info("%s; writes refused for %.1f s at most; %s", dict(load.seen), load.longest_refusal, "\n".join(reported))
    assert load.wrong == []
    assert load.seen["write 503"]
    assert load.longest_refusal < MAX_REFUSAL_SECONDS
    for post in posts:
        content = site.query("SELECT content FROM blog.posts WHERE id = %s", (post,))[0][0]
        assert load.acknowledged[post] <= number_in(content) <= load.tried[post]
