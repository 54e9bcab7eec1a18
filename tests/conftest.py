"""Fixtures for all tests: real servers, started once per session (see blog_app/development/local)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import peewee
import pytest
from flask import Flask
from flask.testing import FlaskClient

from blog_app import create_app
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import cache, compiled, databases, models, watermarks
from blog_app.data.databases import servers
from blog_app.development.local import programs
from blog_app.development.local.kept import kept
from blog_app.development.local.ports import private_port
from blog_app.development.local.stack import Stack, throwaway
from tests.helpers import cheap_passwords

# The same examples in each run, without deadlines; `--hypothesis-profile default` tries others.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("repeatable")

LONG_TIMEOUTS = {"CONNECT_TIMEOUT": "30", "STATEMENT_TIMEOUT": "60", "REDIS_TIMEOUT": "5"}
"""Timeouts that no test reaches on a busy machine; tests about timeouts have their own servers."""
MANY_THREADS = {"WEB_THREADS": "100", "PASSWORD_HASHES": "16", "SIGN_IN_LIMIT": "0", "SEARCH_LIMIT": "0"}
"""As many as any test needs in one process; tests about refused requests have their own."""


STORED_AT_ONCE = {"CACHE_AT_REQUEST": "1"}
"""So that the second read is a hit; tests about the first request say otherwise."""

cheap_passwords.install()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need PgBouncer or Redis where it is missing; in CI they fail."""
    for mark, name, find in (("pgbouncer", "PgBouncer", programs.pgbouncer), ("redis", "Redis", programs.newest_redis)):
        if item.get_closest_marker(mark) and not find():
            reason = f"{name} is not installed"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostgreSQL, PgBouncer and Redis; all logical databases in one physical one. KEEP=yes keeps them."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "main")
    keep = os.environ.get("KEEP") == "yes"
    with kept(name, LONG_TIMEOUTS) if keep else throwaway(variables=LONG_TIMEOUTS) as started:
        yield started


@pytest.fixture(autouse=True, scope="session")
def compare_compiled_sql_with_peewee() -> Iterator[None]:
    """Check that the compiled SQL of every query of all tests equals the SQL of Peewee."""

    def compared(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
        was_known = is_compiled(query)
        sql, parameters = compiled.compile_sql(database, query)
        if was_known:
            assert as_text((sql, parameters)) == as_text(compiled.compile_by_peewee(database, query))
        return sql, parameters

    def is_compiled(query: peewee.Node) -> bool:
        try:
            return compiled._shapes.get(tuple(compiled.Walk(query).key)) is not None
        except compiled.UnknownNode:
            return False

    def as_text(found: tuple[str, list[Any]]) -> tuple[str, list[str]]:
        return found[0], list(map(str, found[1]))  # The driver's wrappers of bytes have no ==.

    with pytest.MonkeyPatch.context() as patch:
        for module in (databases, servers):
            patch.setattr(module, "compile_sql", compared)
        yield


@pytest.fixture(scope="session")
def settings(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings for the session's servers; mail goes to a folder, page views and who was seen are not recorded."""
    own = {"APP_MODE": "test", "MAIL_URL": tmp_path_factory.mktemp("mail").as_uri()}
    own |= {"COUNT_VIEWS": "no", "LAST_SEEN_MINUTES": "0"}
    return Settings.from_environment({**stack.environment(), **MANY_THREADS, **STORED_AT_ONCE, **own})


@pytest.fixture(scope="session")
def migrated_app(settings: Settings) -> Flask:
    """The app on migrated databases; tests use `app`, which also empties all tables."""
    app = create_app(settings)
    result = app.test_cli_runner().invoke(args=["migrate", "up"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def app(migrated_app: Flask) -> Flask:
    """The app, with all tables empty."""
    settings = migrated_app.config["SETTINGS"]
    if databases.blog.settings is not settings.databases["blog"]:  # Another test has bound them to its own servers.
        databases.bind(settings)
        watermarks.bind(settings)
        cache.init_app(migrated_app)
    empty_all_tables()
    return migrated_app


@pytest.fixture
def port() -> Iterator[int]:
    """A free port."""
    with private_port() as port:
        yield port


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A test client without a token."""
    return app.test_client()


def empty_all_tables() -> None:
    """Empty every table that has a row, by one statement per logical database."""
    for name in DATABASE_NAMES:
        database = databases.BY_NAME[name]
        filled = [
            model
            for model in models.models_of(name)
            if database.execute_sql(f'SELECT EXISTS (SELECT FROM "{name}"."{model._meta.table_name}")').fetchone()[0]
        ]
        if filled:
            with database.atomic():
                for model in filled:
                    database.declare_write(model)
                tables = ", ".join(f'"{name}"."{model._meta.table_name}"' for model in filled)
                database.execute_sql(f"TRUNCATE {tables} CASCADE")
        database.release()
