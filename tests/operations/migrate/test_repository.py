"""The migrations of this repository itself."""

from __future__ import annotations

import re
import subprocess

import pytest

from blog_app.config import DATABASE_NAMES
from blog_app.operations.migrate import all_databases, catalog, files

WITH_MIGRATIONS = [name for name in DATABASE_NAMES if files.read(name)]


@pytest.mark.parametrize("name", WITH_MIGRATIONS)
def test_up_down_to_zero_and_up_again_gives_the_same_schema(name, settings, stack):
    def schema() -> str:
        command = [stack.postgres.programs / "pg_dump", "--schema-only", "--schema", name, settings.databases[name].url]
        dump = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        return "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))  # A random key of psql.

    def run(work: all_databases.Work) -> None:
        all_databases.run(settings, [name], work, lambda _: None)

    run(lambda runner: runner.up())
    first = schema()
    run(lambda runner: runner.down(everything=True))
    assert set(re.findall(r"CREATE TABLE \w+\.(\w+)", schema())) == set(catalog.OWN_TABLES)
    run(lambda runner: runner.up())
    assert schema() == first
