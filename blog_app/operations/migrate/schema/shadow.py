"""The schema that models or migration files would make, built for real where it disturbs nobody.

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
from blog_app.operations.migrate import MigrationError, all_databases
from blog_app.operations.migrate.connection import advisory_lock, connected
from blog_app.operations.migrate.dry_run import Recorder, Statement
from blog_app.operations.migrate.schema import catalog


class NoScratch(MigrationError):
    """This role may not create databases."""


def of_models(database: peewee.PostgresqlDatabase, name: str, models: Sequence[type[peewee.Model]]) -> catalog.Schema:
    """Return the schema that the models describe; `database` is left as it was."""
    shadow = f"{name}_shadow_{secrets.token_hex(4)}"
    with database.atomic() as transaction:
        database.execute_sql(f'CREATE SCHEMA "{shadow}"')
        for statement in create_statements(models):
            database.execute_sql(renamed(statement.sql, name, shadow), statement.parameters)
        found = catalog.read(database, shadow)
        transaction.rollback()
    return found


def create_statements(models: Sequence[type[peewee.Model]]) -> list[Statement]:
    """Return what Peewee would send to create the models' tables."""
    recorder = Recorder("models")
    for model in peewee.sort_models(models):
        peewee.SchemaManager(model, database=recorder).create_all(safe=False)
    return recorder.statements


def renamed(sql: str, schema: str, other: str) -> str:
    """Return the statement with `schema.` turned into `other.`, outside of text literals."""
    pattern = rf"""('(?:[^']|'')*')|(?<![\w."])(?:"{schema}"|{schema})(?=\s*\.)"""
    return re.sub(pattern, lambda found: found[1] or f'"{other}"', sql)


def of_migrations(
    settings: Settings, name: str, *, only: Sequence[str] | None = None, folder: Path | None = None
) -> catalog.Schema:
    """Return the schema that the files make (all, or `only` these); raise `NoScratch` where that cannot be tried."""
    with scratch(settings, name) as elsewhere:
        all_databases.run(elsewhere, [name], lambda runner: runner.up(only=only), lambda _: None, folder)
        with connected(elsewhere, name, lambda _: None) as connection:
            return catalog.read(connection, name)


@contextmanager
def scratch(settings: Settings, name: str) -> Iterator[Settings]:
    """Yield settings in which `name` lives in an empty database of its own, dropped afterwards."""
    place = urlsplit(settings.databases[name].direct_url)
    database = f"{place.path[1:]}_scratch_{name}"
    url = urlunsplit(place._replace(path=f"/{database}"))
    with connected(settings, name, lambda _: None) as connection, advisory_lock(connection, database):
        try:
            connection.execute_sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')  # Left by a killed run.
            connection.execute_sql(f'CREATE DATABASE "{database}" TEMPLATE template0')
        except peewee.ProgrammingError as error:
            raise NoScratch(f"the role of {name} may not create databases, so the files cannot be tried out") from error
        try:
            moved = replace(settings.databases[name], url=url, direct_url=url)
            yield replace(settings, databases={**settings.databases, name: moved})
        finally:
            connection.execute_sql(f'DROP DATABASE "{database}" WITH (FORCE)')
