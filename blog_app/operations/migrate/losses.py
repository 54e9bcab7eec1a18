"""What a rollback would lose: the tables and columns that it drops, and how many rows they have."""

from __future__ import annotations

from collections.abc import Sequence

from blog_app.operations.migrate import catalog
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.lint import rollbacks, syntax
from blog_app.operations.migrate.plan import table_sizes
from blog_app.operations.migrate.preview import preview
from blog_app.operations.migrate.runner import Runner

COUNTED = 100_000
"""Up to this estimate the rows of a table are counted; beyond it the estimate is told."""


def losses(runner: Runner, wanted: Sequence[Migration]) -> list[str]:
    """Return in words what is lost when these migrations are rolled back."""
    previews = preview(runner.name, runner.migrations, wanted)
    texts = [statement.text for item in previews for statement in item.rollback or ()]
    dropped = -rollbacks.effects([node for nodes in syntax.parse_all(texts) for node in nodes]).net
    schema = catalog.read(runner.connection, runner.name)
    tables = sorted(item.name for item in dropped if item.kind == "table" and item.name in schema)
    columns = sorted(
        (item.table, item.name)
        for item in dropped
        if item.kind == "column" and item.table in schema and item.table not in tables
        if item.name in schema[item.table].columns
    )
    return [f"table {table} ({_rows(runner, table)})" for table in tables] + [
        f"column {table}.{column} ({_rows(runner, table)})" for table, column in columns
    ]


def _rows(runner: Runner, table: str) -> str:
    about, _ = table_sizes(runner.connection, runner.name).get(table, (0, ""))
    if about > COUNTED:
        return f"about {about:,} rows"
    count = runner.connection.value(f'SELECT count(*) FROM "{runner.name}"."{table}"')  # noqa: S608
    return f"{count:,} row{'s' if count != 1 else ''}"
