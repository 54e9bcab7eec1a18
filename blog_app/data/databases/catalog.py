"""Catalog queries."""

from __future__ import annotations

from typing import Any


def table_exists(database: Any, schema: str, table: str) -> bool:
    """Return whether the schema has this table."""
    # From the catalog: to_regclass would need USAGE on the schema.
    query = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = %s"
    return database.execute_sql(query, (schema, table)).fetchone() is not None
