"""The app, with a counter to add to and to read uncached; and without the rule that `PROOF_MUTATION` leaves out."""

from __future__ import annotations

import os
import sys
import time
from typing import Any
from uuid import UUID

import peewee
from flask import Flask, Response

from blog_app import create_app
from blog_app.blog.models import Category
from blog_app.data import cache, databases
from blog_app.data.databases.dependencies import read_dependencies
from blog_app.data.watermarks import epochs, leases
from blog_app.data.watermarks.announcer import Announcer
from blog_app.data.watermarks.lookup import Lookup, ReplicaRoute
from blog_app.data.watermarks.redis_link import RedisLink

VALUE = Category.description.cast("integer")


def add(row: UUID) -> Response:
    """Add 1 to the row; return its value."""
    plus_one = Category.update(description=(VALUE + 1).cast("text")).where(Category.id == row).returning(Category)
    with databases.blog.atomic():
        (changed,) = plus_one.execute()
    return Response(changed.description)


def show(row: UUID) -> Response:
    """Return the row's value, and the port of the server that was read, a replica if one is healthy."""

    def produce() -> tuple[str, int]:
        query = Category.select(Category.description, peewee.fn.inet_server_port()).where(Category.id == row)
        return databases.blog.execute(query).fetchone()

    value, port = cache.read_uncached(read_dependencies(Category, row), produce)
    return Response(value, headers={"X-Server": str(port)})


def mark_first() -> None:
    """Settle the marks before the commit."""
    original = Announcer._mark

    def mark(self: Announcer, begun: Any, keys: list[str]) -> bool:
        marked = original(self, begun, keys)
        if marked:
            position = epochs.position(databases.BY_NAME[self.name].obj)
            self.lease_manager.settle(begun.row, keys, begun.xid, position, begun.xid)
        return marked

    Announcer._mark = mark  # type: ignore[method-assign]
    Announcer._settle = lambda *_: None  # type: ignore[method-assign, assignment]


def unchecked_replica() -> None:
    """Trust every replica."""
    original = ReplicaRoute.__init__

    def init(self: ReplicaRoute, *args: Any) -> None:
        original(self, *args)
        self.condition = "SELECT 1"

    ReplicaRoute.__init__ = init  # type: ignore[method-assign]
    Lookup.unchanged = lambda _: True  # type: ignore[method-assign]


def no_wait() -> None:
    """Acknowledge an unmarked write without waiting for the leases to end."""
    leases.LeaseManager.wait_until_closed = lambda *_: None  # type: ignore[method-assign]


def no_run_id() -> None:
    """Trust any Redis, not only the one of the epoch."""
    calls, read_run_id = RedisLink.calls, RedisLink.read_run_id
    first: list[str] = []

    def one(self: RedisLink) -> str:
        first[1:] = []
        found = read_run_id(self)
        first.append(found)
        return first[0]

    RedisLink.calls = lambda self, _, *commands: calls(self, None, *commands)  # type: ignore[method-assign, assignment]
    RedisLink.read_run_id = one  # type: ignore[method-assign]
    Lookup.redis = property(lambda self: self.lease_manager.link.run_id)  # type: ignore[assignment, method-assign]


MUTATIONS = {
    function.__name__.replace("_", " "): function for function in (mark_first, unchecked_replica, no_wait, no_run_id)
}


def log_unmarked_writes() -> None:
    """Log each write that is about to close the epoch because it could not be marked."""
    mark = Announcer._mark

    def mark_and_log(self: Announcer, begun: Any, keys: list[str]) -> bool:
        marked = mark(self, begun, keys)
        if not marked:
            sys.stderr.write(f"unmarked {time.time()}\n")
            sys.stderr.flush()
        return marked

    Announcer._mark = mark_and_log  # type: ignore[method-assign]


def make() -> Flask:
    leases.MIN_BACKOFF, leases.MAX_BACKOFF = 0.2, 0.5  # So that many epochs open in a short time.
    log_unmarked_writes()
    if mutation := os.environ.get("PROOF_MUTATION"):
        MUTATIONS[mutation]()
    made = create_app()
    made.add_url_rule("/proof/<uuid:row>", "proof_add", add, methods=["POST"])
    made.add_url_rule("/proof/<uuid:row>", "proof_show", show, methods=["GET"])
    return made


app = make()
