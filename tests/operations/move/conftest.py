"""A logical database with every kind of relation, and an empty physical database as the target of a move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import psycopg2
import pytest

from blog_app.config import Settings
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import history
from blog_app.operations.migrate.connection import connected
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.session import open_move

numbers = count(1)
OURS = "(SELECT oid FROM pg_database WHERE datname = current_database())"
SCHEMA = """
CREATE TABLE blog.posts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number bigserial, title text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED, price numeric(9, 2), at timestamptz,
    CONSTRAINT posts_titled CHECK (title <> ''));
CREATE INDEX posts_words ON blog.posts USING gin (words);
CREATE UNIQUE INDEX posts_number ON blog.posts (number);
COMMENT ON INDEX blog.posts_words IS 'for search';
CREATE TABLE blog.comments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post uuid NOT NULL REFERENCES blog.posts ON DELETE CASCADE, body bytea);
CREATE TABLE blog.visits (at date NOT NULL, who text) PARTITION BY RANGE (at);
CREATE TABLE blog.visits_old PARTITION OF blog.visits FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE blog.visits_new PARTITION OF blog.visits FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE INDEX visits_at ON blog.visits (at);
CREATE MATERIALIZED VIEW blog.daily AS SELECT at, count(*) AS number FROM blog.visits GROUP BY at;
CREATE UNIQUE INDEX daily_at ON blog.daily (at);
CREATE VIEW blog.titles AS SELECT id, upper(title) AS title FROM blog.posts;
CREATE FUNCTION blog.trim_title() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.title = trim(NEW.title); RETURN NEW; END $$;
CREATE TRIGGER trim_title BEFORE INSERT OR UPDATE ON blog.posts FOR EACH ROW EXECUTE FUNCTION blog.trim_title();
GRANT SELECT ON blog.posts TO PUBLIC;
INSERT INTO blog.posts (title, price, at) SELECT '  post ' || i, i / 7.0, now() - i * interval '1 hour'
    FROM generate_series(1, 500) AS i;
INSERT INTO blog.comments (post, body) SELECT id, '\\x00ff'::bytea FROM blog.posts;
INSERT INTO blog.visits SELECT date '2025-12-25' + i, 'somebody' FROM generate_series(1, 20) AS i;
INSERT INTO blog.visits SELECT date '2025-12-25' + i, NULL FROM generate_series(1, 20) AS i;
REFRESH MATERIALIZED VIEW blog.daily;
"""


class FakeRedirection:
    """Redirects nothing and records the addresses; the first `failures` calls fail."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.failures = 0

    def check(self, url: str) -> None:
        pass

    def redirect(self, url: str) -> None:
        self.urls.append(url)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("redirection failed")


class Scenario:
    """A logical database, with the addresses of its source and its target."""

    def __init__(self, settings: Settings, source: str, target: str) -> None:
        self.settings, self.source, self.target = settings, source, target
        self.reported: list[str] = []
        self.redirection = FakeRedirection()

    def open(self, **options: Any) -> Any:
        options = {"to": self.target, "redirection": self.redirection} | options
        return open_move(self.settings, "blog", self.reported.append, **options)

    def move(self, **options: Any) -> None:
        self._do(Mover.forward, options)

    def resume(self, **options: Any) -> None:
        self._do(Mover.forward, {"to": None} | options)

    def back(self, **options: Any) -> None:
        self._do(Mover.back, {"to": None} | options)

    def abort(self) -> None:
        self._do(Mover.abort, {"to": None})

    def confirm(self) -> None:
        self._do(Mover.confirm, {"to": None})

    def _do(self, what: Any, options: dict[str, Any]) -> None:
        with self.open(**options) as mover:
            what(mover)

    def query(self, side: str, statement: str, parameters: Any = None) -> list[Any]:
        """Return the rows of a statement at `source` or `target`."""
        with closing(psycopg2.connect(getattr(self, side))) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def standings(self) -> tuple[str | None, ...]:
        """Return the standing of source and target."""
        found = []
        for side in ("source", "target"):
            try:
                rows = self.query(side, "SELECT standing FROM blog_app_moves.places WHERE name = 'blog'")
            except psycopg2.errors.UndefinedTable:
                rows = []
            found.append(rows[0][0] if rows else None)
        return tuple(found)

    def writes(self, side: str) -> bool:
        """Return whether a server takes a write."""
        try:
            self.query(side, "INSERT INTO blog.posts (title) VALUES ('one more')")
        except (psycopg2.OperationalError, psycopg2.errors.UndefinedTable):
            return False
        return True

    def contents(self, side: str) -> list[Any]:
        """Return the rows of all tables, views and sequences."""
        tables = {
            "posts": "number, title, words, price, at",
            "comments": "id, post, body::text",
            "visits": "*",
            "daily": "*",
            "titles": "title",
            "posts_number_seq": "last_value",
            "comments_id_seq": "last_value",
            "migrations": "name",
        }
        return [
            sorted(map(str, self.query(side, f"SELECT {columns} FROM blog.{table}")))
            for table, columns in tables.items()
        ]


def make_scenario(stack: Stack) -> Scenario:
    """Return a scenario with two new databases, the source filled."""
    number = next(numbers)
    urls = []
    for name in (f"old_{number}", f"new_{number}"):
        stack.postgres.create_database(name, owner="blog_app")
        urls.append(stack.postgres.url(name, "blog_app", stack.passwords.app))
    return fill(Scenario(Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": urls[0]}), *urls))


def fill(scenario: Scenario) -> Scenario:
    with connected(scenario.settings, "blog", print) as connection:
        history.ensure(connection, "blog")
        connection.send(SCHEMA)
    return scenario


def clear(scenario: Scenario, stack: Stack) -> None:
    """Remove from both databases whatever a test has left there."""
    for url in (scenario.source, scenario.target):
        name = url.rpartition("/")[2]

        def do(statement: str, name: str = name) -> list[Any]:
            return stack.postgres.execute(statement, database=name)

        for (subscription,) in do(f"SELECT subname FROM pg_subscription WHERE subdbid = {OURS}"):
            do(f"ALTER SUBSCRIPTION {subscription} DISABLE")
            do(f"ALTER SUBSCRIPTION {subscription} SET (slot_name = NONE)")
            do(f"DROP SUBSCRIPTION {subscription}")
        do(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        do("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
        for (publication,) in do("SELECT pubname FROM pg_publication"):
            do(f"DROP PUBLICATION {publication}")
        for (schema,) in do("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"):
            do(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(scope="module")
def pair(stack: Stack) -> Iterator[Scenario]:
    made = make_scenario(stack)
    yield made
    clear(made, stack)


@pytest.fixture
def scenario(pair: Scenario, stack: Stack) -> Scenario:
    """A filled database and an empty one."""
    clear(pair, stack)
    return fill(Scenario(pair.settings, pair.source, pair.target))
