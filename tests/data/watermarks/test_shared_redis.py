"""Deployments that share a Redis: every key has the prefix of its deployment, and nothing of another one is touched."""

from __future__ import annotations

import pytest

from blog_app.analytics import queue
from blog_app.config import Settings
from blog_app.data import databases, watermarks
from blog_app.data.cache_counters import counters
from blog_app.data.watermarks import epochs
from blog_app.development.local.process import wait_until
from tests.helpers.caller import anonymous, sign_up

from .conftest import NAME, SECONDS, World

pytestmark = pytest.mark.redis

FOREIGN = ("other:{blog}:1:entry::x", "{blog}:1:mark:posts", "limit:1:x", "other:analytics:page_views")


def test_every_key_begins_with_the_prefix_of_the_deployment(world: World) -> None:
    assert wait_until(lambda: world.lease_manager.lease("accounts") is not None, SECONDS)
    author = sign_up(world.app, "author")
    post = author.post("/posts", {"title": "A kettle", "content": "It sings."}).json
    author.put(f"/posts/{post['id']}/publication", {})
    assert wait_until(lambda: anonymous(world.app).get("/posts").headers["X-Cache"] == "hit", SECONDS)
    author.post("/orders", {}, status=422)
    counters.flush()
    assert queue.push(b"[]")
    anonymous(world.app).post("/password-resets", {"email": "ada@example.com"}, status=202)

    keys = [key.decode() for key in world.redis.scan_iter()]

    assert [key for key in keys if not key.startswith(f"{world.settings.redis_prefix}:")] == []
    names = {key.split(":")[1] for key in keys}
    assert names >= {"{blog}", "{accounts}", "limit", "cache", "analytics", "outbox"}


def test_a_new_epoch_deletes_no_key_of_another_deployment(world: World) -> None:
    world.warm()
    old = watermarks.redis_key(f"{{{NAME}}}:an-old-epoch:mark:tags")
    world.redis.mset(dict.fromkeys([*FOREIGN, old], "1"))

    epochs.close(databases.blog.obj)

    assert wait_until(lambda: not world.redis.exists(old), SECONDS)
    assert world.redis.exists(*FOREIGN) == len(FOREIGN)


def test_the_writes_of_a_process_with_another_prefix_are_seen_by_the_next_read(world: World) -> None:
    """A setting that is changed process by process is as safe as another Redis: the epoch closes."""
    stranger = world.process(redis_prefix="another")
    for value in range(1, 4):
        world.warm()
        stranger.write(world.row, value)
        assert world.value() == value


def test_the_default_prefix_is_of_the_database_and_not_of_its_pooler() -> None:
    def prefix(**variables: str) -> str:
        return Settings.from_environment({"APP_MODE": "test", **variables}).redis_prefix

    production, staging = "postgresql://u:p@db/production", "postgresql://u:p@db/staging"
    assert prefix(DATABASE_URL=production) != prefix(DATABASE_URL=staging)
    pooled = {"DATABASE_URL": "postgresql://u:p@pool:6432/site"}
    assert prefix(**pooled, DIRECT_URL=production) == prefix(DATABASE_URL=production.replace("u:p", "u:another"))
    assert prefix(**pooled, DIRECT_URL=production) != prefix(**pooled, DIRECT_URL=staging)
    assert prefix(DATABASE_URL=production, REDIS_PREFIX="mine") == "mine"
