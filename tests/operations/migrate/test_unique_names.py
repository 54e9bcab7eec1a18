"""The migrations that make names unique, on tables that have duplicates."""

from __future__ import annotations

import shutil

import pytest

from blog_app.config import ROOT

TABLES = [
    ("blog", "010_unique_names", {"categories": 80, "tags": 50}),
    ("shop", "005_unique_names", {"product_categories": 80}),
]
"""Each table with the length of its names."""
COLUMNS = "id uuid PRIMARY KEY, name varchar({}), version integer DEFAULT 1, updated_at timestamptz"


@pytest.mark.parametrize(("database", "migration", "tables"), TABLES)
def test_rows_that_have_the_name_of_an_older_one_are_renamed(workshop, database, migration, tables):
    create = "; ".join(
        f"CREATE TABLE {database}.{table} ({COLUMNS.format(length)})" for table, length in tables.items()
    )
    workshop.sql("001_tables", create, database=database)
    workshop.up(database)
    for table, length in tables.items():
        for number, name in enumerate(("Tea", "Milk", "TEA", "tea", "x" * length, "X" * length)):
            row = f"00000000-0000-7000-8000-00000000000{number}", name
            workshop.query(f"INSERT INTO {database}.{table} (id, name) VALUES (%s, %s)", row)

    shutil.copy(ROOT / "migrations" / database / f"{migration}.py", workshop.folder / database)
    workshop.up(database)
    for table, length in tables.items():
        assert workshop.query(f"SELECT name, version FROM {database}.{table} ORDER BY id") == [
            ("Tea", 1),
            ("Milk", 1),
            ("TEA 00000002", 2),
            ("tea 00000003", 2),
            ("x" * length, 1),
            ("X" * (length - 9) + " 00000005", 2),
        ]
        with pytest.raises(Exception, match=f"{table}_name"):
            workshop.query(f"INSERT INTO {database}.{table} VALUES (gen_random_uuid(), 'mILK')")
    workshop.down(database)
