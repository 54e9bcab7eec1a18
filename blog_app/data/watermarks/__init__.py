"""Watermarks: cache invalidation and replica reads without stale reads, from one mark for each collection of rows.

Once a write has been acknowledged, also by the response to a retry, no read that starts later shows a state without
it: through any worker, the cache or any replica. Once any read has returned a write, acknowledged or not, no later read
misses it, also when its writer was killed between BEGIN and the response; the one exception, for at most T = 1 s, is a
write that could not be announced in Redis. Without Redis there is no cache and the primary answers: slower, never
stale. A Redis restart with old memory and a lost mark are detected, so the promise holds then too.

How this works, what each fault does, what is not promised, and how it was checked:
`docs/reference/cache-and-replicas.md`.

redis_link  Redis connections, one for each thread; the circuit breaker; the scripts
epochs      the epoch row of each logical database
clock       the clock of leases, and how long they last
leases      how long a process may trust an epoch; the thread that renews leases, opens epochs and cleans up
lookup      the read path
announcer   the write path
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import databases
from blog_app.data.databases.catalog import table_exists
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.announcer import Announcer
from blog_app.data.watermarks.leases import LeaseManager
from blog_app.data.watermarks.redis_link import RedisLink, RedisUnreachable

lease_manager: LeaseManager | None = None
"""The leases of this process; None without Redis, and then the watermarks cost no statement."""


def init_app(app: Flask) -> None:
    """Announce the writes of all logical databases, if the app has a Redis to announce them in."""
    bind(app.config["SETTINGS"])


def bind(settings: Settings) -> None:
    """Make this process announce its writes as `settings` say; `databases.bind` must have come before."""
    global lease_manager
    if lease_manager:
        lease_manager.stop()
    link = RedisLink(settings.redis_url, settings.redis_timeout, settings.redis_prefix) if settings.redis_url else None
    lease_manager = LeaseManager(link, databases.BY_NAME) if link else None
    for name, database in databases.BY_NAME.items():
        database.obj.announcer = Announcer(lease_manager, name) if lease_manager else None


def redis_key(name: str) -> str:
    """Return the name of a key of this deployment; without Redis nobody uses it."""
    return f"{lease_manager.link.prefix}:{name}" if lease_manager else name


def ask_redis(*commands: tuple[Any, ...]) -> list[Any] | None:
    """Return Redis's replies to commands that do not concern marks; None without Redis, or while it is unreachable.

    Their keys are named by `redis_key`. They go in one message, over the connections and through the circuit breaker
    of the marks.
    """
    if lease_manager is None:
        return None
    try:
        return lease_manager.link.calls(None, *commands)
    except RedisUnreachable:
        return None


def close_epochs_without_redis(settings: Settings) -> None:
    """Close the epochs that processes with Redis left open; to be called when the app starts without Redis.

    Otherwise a Redis that comes back with its old memory would be trusted, and miss what was written meanwhile.
    """
    if settings.redis_url:
        return
    for name in DATABASE_NAMES:
        server = databases.server(settings, name, settings.databases[name].url)
        try:
            if table_exists(server, name, epochs.TABLE):
                epochs.close(server)
        finally:
            server.discard()
