"""Servers of their own for tests that break them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from blog_app.config import Settings
from blog_app.data import databases
from blog_app.data.databases import Server
from blog_app.development.local.stack import Stack, throwaway


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """Servers apart from those of the session."""
    with throwaway() as started:
        started.postgres.execute("CREATE TABLE public.notes (text text)", database="blog_app")
        started.postgres.execute("GRANT ALL ON public.notes TO blog_app", database="blog_app")
        yield started


@pytest.fixture
def fragile(own_stack: Stack) -> Iterator[Stack]:
    """Servers that a test may stop, kill and freeze; all run again when the next test begins."""
    yield own_stack
    for server in (own_stack.postgres, own_stack.pgbouncer):
        if server:
            server.thaw()
            if not server.running:
                server.start()
    if own_stack.pgbouncer:
        own_stack.pgbouncer.admin("RECONNECT")


@pytest.fixture(params=[pytest.param("pooled", marks=pytest.mark.pgbouncer), "direct"])
def server(request: pytest.FixtureRequest, fragile: Stack) -> Iterator[Server]:
    """The blog's server, through PgBouncer or not, with a persistent connection."""
    found = connect_to(fragile)(request.param == "pooled")
    fragile.postgres.execute("TRUNCATE public.notes", database="blog_app")
    yield found
    found.discard()


@pytest.fixture
def pooled(fragile: Stack) -> Iterator[Server]:
    """The blog's server through PgBouncer, with a persistent connection."""
    found = connect_to(fragile)(True)
    yield found
    found.discard()


def connect_to(stack: Stack) -> Callable[[bool], Server]:
    """Return a function that connects to the blog's server of `stack`."""
    settings = Settings.from_environment({"APP_MODE": "test"} | stack.environment())
    blog = settings.databases["blog"]

    def connect(through_pooler: bool) -> Server:
        found = databases.server(settings, "blog", blog.url if through_pooler else blog.direct_url)
        found.connect()
        return found

    return connect
