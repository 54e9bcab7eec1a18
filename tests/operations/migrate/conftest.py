"""A new physical database a test, and a folder for the migrations that the test writes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import all_databases, catalog
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.migrate.database import Reporter

numbers = count(1)
HEAD = "import peewee as pw\nimport playhouse.postgres_ext as pw_pext\n"


@pytest.fixture
def settings(stack: Stack) -> Iterator[Settings]:
    """Settings of an app whose logical databases share one new and empty physical database."""
    database = f"migrate_{next(numbers)}"
    stack.postgres.create_database(database, owner="blog_app")
    url = stack.postgres.url(database, "blog_app", stack.passwords.app)
    yield Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": url})
    stack.postgres.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


class Workshop:
    """Writes migrations into a folder of the test's own and runs them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.reported: list[str] = []
        self.report: Reporter = self.reported.append

    def write(self, name: str, migrate: str, rollback: str = "pass", *, database: str = "blog", head: str = "") -> Path:
        """Write migrations/<database>/<name>.py with these bodies."""
        path = self.folder / database / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        functions = {"migrate": migrate, "rollback": rollback}
        code = [HEAD, textwrap.dedent(head)]
        for function, body in functions.items():
            code += [
                f"def {function}(migrator, database, *, fake=False):",
                textwrap.indent(textwrap.dedent(body), "    "),
            ]
        path.write_text("\n".join(code))
        return path

    def sql(self, name: str, migrate: str, rollback: str = "SELECT 1", **options: str) -> Path:
        """Write a migration of one statement each way."""
        return self.write(name, f"migrator.sql({migrate!r})", f"migrator.sql({rollback!r})", **options)

    def up(self, *names: str, to: str | None = None) -> dict[str, Any]:
        return self.run(lambda runner: runner.up(to), *names)

    def down(self, *names: str, **options: Any) -> dict[str, Any]:
        return self.run(lambda runner: runner.down(**options), *names)

    def run(self, work: all_databases.Work, *names: str) -> dict[str, Any]:
        return all_databases.run(self.settings, names or DATABASE_NAMES, work, self.report, self.folder)

    def query(self, statement: str, parameters: Any = None, database: str = "blog") -> list[Any]:
        """Return the rows of a statement sent over a direct connection."""
        with connected(self.settings, database, self.reported.append) as connection:
            cursor = connection.execute_sql(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def tables(self, schema: str = "blog") -> list[str]:
        rows = self.query("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema,))
        return [row[0] for row in rows if row[0] not in catalog.OWN_TABLES]


@pytest.fixture
def workshop(settings: Settings, tmp_path: Path) -> Workshop:
    return Workshop(settings, tmp_path / "migrations")


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    with connected(settings, "blog", lambda _: None) as connection:
        yield connection
