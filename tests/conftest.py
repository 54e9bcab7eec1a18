"""Real servers for all tests, started once a session and removed at its end (see blog_app/local)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from blog_app.local import programs
from blog_app.local.stack import Stack, throwaway


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs PgBouncer where there is none; a machine that calls itself CI must have it."""
    if item.get_closest_marker("pgbouncer") and not programs.pgbouncer():
        reason = "PgBouncer is not on this machine, and could not be installed without asking"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostgreSQL, PgBouncer and Redis; five logical databases in one physical one."""
    with throwaway() as started:
        yield started
