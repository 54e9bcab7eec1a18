"""Real servers for all tests, started once a session and removed at its end (see blog_app/development/local)."""

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
from blog_app.development.local.ports import private_port
from blog_app.development.local.stack import Stack, throwaway

# The same examples in each run, as fast as the machine is; `--hypothesis-profile default` looks for others.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("repeatable")

PATIENT = {"CONNECT_TIMEOUT": "30", "STATEMENT_TIMEOUT": "60", "REDIS_TIMEOUT": "5"}
"""Limits into which no test runs because the machine is busy; those about limits have servers of their own."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs PgBouncer where there is none; a machine that calls itself CI must have it."""
    if item.get_closest_marker("pgbouncer") and not programs.pgbouncer():
        reason = "PgBouncer is not on this machine, and could not be installed without asking"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostgreSQL, PgBouncer and Redis; all logical databases in one physical one."""
    with throwaway(variables=PATIENT) as started:
        yield started


@pytest.fixture(autouse=True, scope="session")
def compiled_sql_is_peewees() -> Iterator[None]:
    """Compare the SQL of every query that any test sends with what Peewee makes of it."""

    def compared(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
        was_known = compiled.is_known(query)
        sql, parameters = compiled.sql_of(database, query)
        if was_known:
            assert as_text((sql, parameters)) == as_text(compiled.peewees_sql(database, query))
        return sql, parameters

    def as_text(found: tuple[str, list[Any]]) -> tuple[str, list[str]]:
        return found[0], list(map(str, found[1]))  # The driver's wrappers of bytes do not compare.

    with pytest.MonkeyPatch.context() as patch:
        for module in (databases, servers):
            patch.setattr(module, "sql_of", compared)
        yield


@pytest.fixture(scope="session")
def settings(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings that lead to the session's servers; mails go to a folder, page views are not counted."""
    own = {"APP_MODE": "test", "MAIL_URL": tmp_path_factory.mktemp("mail").as_uri(), "COUNT_VIEWS": "no"}
    return Settings.from_environment({**stack.environment(), **own})


@pytest.fixture(scope="session")
def migrated_app(settings: Settings) -> Flask:
    """The app, on migrated databases; use `app`, which also begins with empty tables."""
    app = create_app(settings)
    result = app.test_cli_runner().invoke(args=["migrate", "up"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def app(migrated_app: Flask) -> Flask:
    """The app, all tables empty."""
    settings = migrated_app.config["SETTINGS"]
    if databases.blog.settings is not settings.databases["blog"]:  # Another test has bound them to servers of its own.
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
    """A caller without a token."""
    return app.test_client()


def empty_all_tables() -> None:
    """Empty every table that holds a row: one statement a logical database that has any."""
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
