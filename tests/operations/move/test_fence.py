"""The fence: who is stopped, by what, and what the app makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from flask import Flask

from blog_app.analytics import partitions
from blog_app.data import databases
from blog_app.data.databases import DatabaseUnreachable
from blog_app.development.local.stack import Stack
from blog_app.errors import as_problem
from blog_app.operations.migrate.connection import connected
from blog_app.operations.move import state
from blog_app.operations.move.state import SERVING, SOURCE, Addresses, Record
from tests.operations.move.conftest import Scenario, make_scenario


@contextmanager
def frozen(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the source frozen while the block runs."""
    seen: list[bool] = []

    class Interrupting:
        def check(self, *_: Any) -> None:
            pass

        def redirect(self, url: str) -> None:
            if not seen:
                seen.append(True)
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("blog_app.operations.move.fence.FencedDatabase.accept_writes", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            scenario.move(redirection=Interrupting(), freeze_limit=250)
    yield
    scenario.abort()


@pytest.fixture(scope="module")
def fence(stack: Stack) -> Iterator[tuple[Scenario, Stack]]:
    """A scenario whose source stays frozen, and its server."""
    scenario = make_scenario(stack)
    with pytest.MonkeyPatch.context() as patch, frozen(scenario, patch):
        yield scenario, stack


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO blog.posts (title) VALUES ('x')",
        "UPDATE blog.posts SET price = 1 WHERE false",
        "DELETE FROM blog.visits",
        "DELETE FROM blog.visits_old",
        "TRUNCATE blog.comments",
        "WITH gone AS (DELETE FROM blog.comments RETURNING 1) SELECT * FROM gone",
        "MERGE INTO blog.posts p USING (SELECT 1) AS one ON false WHEN NOT MATCHED THEN INSERT (title) VALUES ('x')",
    ],
)
def test_no_kind_of_write_passes_not_even_the_superusers(fence: tuple[Scenario, Stack], statement: str) -> None:
    scenario, stack = fence
    with pytest.raises(psycopg2.OperationalError, match="writes are refused here") as caught:
        scenario.query("source", statement)
    assert caught.value.pgcode == "57M01"
    with pytest.raises(psycopg2.OperationalError, match="writes are refused here"):
        stack.postgres.execute(statement, database=scenario.source.rpartition("/")[2])


def test_reads_and_row_locks_pass(fence: tuple[Scenario, Stack]) -> None:
    scenario, _ = fence
    assert len(scenario.query("source", "SELECT id FROM blog.posts FOR UPDATE")) == 500


def test_the_app_takes_it_for_a_database_that_is_away_and_keeps_its_connection(fence: tuple[Scenario, Stack]) -> None:
    scenario, _ = fence
    server = databases.server(scenario.settings, "blog", scenario.source)
    connection = server.connection()
    with pytest.raises(DatabaseUnreachable, match="writes are refused here") as caught, server.atomic():
        server.execute_sql(databases.dependencies.DeclaredSQL("UPDATE blog.posts SET price = 1"))
    problem = as_problem(caught.value)
    assert (problem.status, problem.headers["Retry-After"]) == (503, "2")
    assert server.execute_sql("SELECT count(*) FROM blog.posts").fetchone() == (500,)
    assert server.connection() is connection
    server.discard()


def test_where_a_schema_is_no_more_the_database_is_away(scenario: Scenario) -> None:
    scenario.move()
    server = databases.server(scenario.settings, "blog", scenario.source)
    with pytest.raises(DatabaseUnreachable, match="blog is not here: it was moved to another server, or"):
        server.execute_sql("SELECT count(*) FROM blog.posts")
    server.discard()


def test_a_transaction_that_saw_the_time_before_cannot_write_after_it(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(psycopg2.connect(scenario.source)) as early:
        early.set_session(isolation_level="REPEATABLE READ")
        cursor = early.cursor()
        cursor.execute("SELECT count(*) FROM pg_class")
        with frozen(scenario, monkeypatch):
            with pytest.raises(psycopg2.OperationalError, match="writes are refused here"):
                cursor.execute("INSERT INTO blog.posts (title) VALUES ('x')")
            early.rollback()


def test_partitions_stay_as_they_are_while_analytics_moves(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    addresses = Addresses(*["postgresql://nobody@nowhere/analytics"] * 4)
    record = Record("12345678", SOURCE, SERVING, False, False, addresses, (), datetime.now(UTC))
    before = partitions.existing_months()
    with connected(settings, "analytics", print) as connection:
        state.write(connection, record)
        try:
            refused = pytest.raises(DatabaseUnreachable, match="it gets no new partition until the move is confirmed")
            with refused, databases.analytics.atomic():
                partitions.ensure_partitions([date(2031, 1, 1)])
            partitions.ensure_partitions(before)
        finally:
            state.delete(connection)
    assert partitions.existing_months() == before
    databases.analytics.release()
