"""Shadow schemas: the schema that models or migration files make, built for real where nobody uses it.

Models are created in a schema of another name, in a transaction that is rolled back. Migration files name their schema
themselves, so they run in a scratch database beside the real one, which is dropped afterwards.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import peewee

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, all_databases, catalog
from blog_app.operations.migrate.connection import Connection, advisory_lock, connected
from blog_app.operations.migrate.dry_run import DryRunDatabase


class CannotCreateDatabase(MigrationError):
    """The role of the logical database may not create databases."""


def schema_of_models(database: Connection, name: str, models: Sequence[type[peewee.Model]]) -> catalog.Schema:
    """Return the schema that the models describe; nothing of it stays in `database`.

    Types and functions that they use are those of the schema `name`, where migrations make them.
    """
    dry_run = DryRunDatabase("models")
    for model in peewee.sort_models(models):
        peewee.SchemaManager(model, database=dry_run).create_all(safe=False)
    shadow = f"{name}_shadow_{secrets.token_hex(4)}"
    with database.atomic() as transaction:
        database.execute_sql(f'CREATE SCHEMA "{shadow}"')
        for statement in dry_run.statements:
            tables = [model._meta.table_name for model in models]
            database.execute_sql(in_schema(statement.sql, name, shadow, tables), statement.parameters)
        found = catalog.read(database, shadow, names_from=name)
        transaction.rollback()
    return found


def in_schema(sql: str, schema: str, other: str, tables: Sequence[str]) -> str:
    """Return the statement with `schema.` turned into `other.` before these tables, outside of text literals."""
    table = "|".join(rf'"{re.escape(name)}"|{re.escape(name)}\b' for name in tables)
    pattern = rf"""('(?:[^']|'')*')|(?<![\w."])(?:"{schema}"|{schema})(?=\s*\.\s*(?:{table}))"""
    return re.sub(pattern, lambda found: found[1] or f'"{other}"', sql)


def schema_of_migrations(
    settings: Settings, name: str, *, only: Sequence[str] | None = None, folder: Path | None = None
) -> catalog.Schema:
    """Return the schema that all files make, or `only` these; raise `CannotCreateDatabase`."""
    with scratch_database(settings, name) as scratch:
        return schema_after(lambda runner: runner.up(only=only), scratch, name, folder)


def schema_after(work: all_databases.Work, settings: Settings, name: str, folder: Path | None) -> catalog.Schema:
    """Call `work` with a runner and return the schema that it leaves."""
    all_databases.run(settings, [name], work, lambda _: None, folder)
    with connected(settings, name, lambda _: None) as connection:
        return catalog.read(connection, name)


@contextmanager
def scratch_database(settings: Settings, name: str) -> Iterator[Settings]:
    """Yield settings in which `name` lives in an empty database of its own, dropped afterwards."""
    address = urlsplit(settings.databases[name].direct_url)
    database = f"{address.path[1:]}_scratch_{name}"
    url = urlunsplit(address._replace(path=f"/{database}"))
    with connected(settings, name, lambda _: None) as connection, advisory_lock(connection, database):
        try:
            connection.execute_sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')  # Left by a killed run.
            connection.execute_sql(f'CREATE DATABASE "{database}" TEMPLATE template0')
        except peewee.ProgrammingError as error:
            raise CannotCreateDatabase(f"the role of {name} may not create databases (CREATEDB)") from error
        try:
            moved = replace(settings.databases[name], url=url, direct_url=url)
            yield replace(settings, databases={**settings.databases, name: moved})
        finally:
            connection.execute_sql(f'DROP DATABASE "{database}" WITH (FORCE)')
