"""The record of a move: one row on each server, with that server's standing (`serving`, `receiving`, `left`, `gone`).

A standing changes in the same transaction as what it describes (the fence, the schema's name), so it is never wrong.
The rows hold the addresses with their passwords, as a subscription does; only roles that may log in with them may read
them. Every role may read the standing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import parse_dsn
from psycopg2.extras import Json

from blog_app.data.databases import move_record
from blog_app.data.databases.move_record import GONE, PLACES, SCHEMA
from blog_app.data.databases.sqlstates import LOGICAL_DATABASE_MOVING
from blog_app.operations.migrate.connection import Connection, advisory_lock

SERVING, RECEIVING, LEFT = move_record.SERVING, "receiving", "left"
SOURCE, TARGET = "source", "target"
SIDES = (SOURCE, TARGET)

# The fence's function uses the trigger's arguments: every transaction sees their current value, whatever its snapshot.
INFRASTRUCTURE = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE IF NOT EXISTS {PLACES} (
    name text PRIMARY KEY,
    move text NOT NULL,
    side text NOT NULL CHECK (side IN ('{SOURCE}', '{TARGET}')),
    standing text NOT NULL CHECK (standing IN ('{SERVING}', '{RECEIVING}', '{LEFT}', '{GONE}')),
    rerouting boolean NOT NULL DEFAULT false,
    offline boolean NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    addresses jsonb NOT NULL,
    full_identity text[] NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
GRANT SELECT (name, standing, source, target, begun_at) ON {PLACES} TO PUBLIC;
CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF clock_timestamp() < TG_ARGV[1]::timestamptz THEN
        RAISE EXCEPTION USING ERRCODE = '{LOGICAL_DATABASE_MOVING}', MESSAGE =
            TG_ARGV[0] || ' is moving or has moved to another server: writes are refused here (flask databases)';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION {SCHEMA}.halt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext(TG_ARGV[0]), 0);
    RETURN NULL;
END $$;
"""
MARKERS = """
CREATE TABLE IF NOT EXISTS {markers} (id uuid PRIMARY KEY);
CREATE OR REPLACE TRIGGER halt AFTER INSERT ON {markers} FOR EACH ROW EXECUTE FUNCTION {schema}.halt('{name} halts');
ALTER TABLE {markers} ENABLE REPLICA TRIGGER halt;
"""
READ = (
    "SELECT move, side, standing, rerouting, offline, addresses, full_identity, begun_at "
    f"FROM {PLACES} WHERE name = %s AND standing <> '{GONE}'"
)
WRITE = (
    f"INSERT INTO {PLACES} (name, move, side, standing, offline, source, target, addresses, full_identity, begun_at) "
    "VALUES (%(name)s, %(move)s, %(side)s, %(standing)s, %(offline)s, %(source)s, %(target)s, %(addresses)s, "
    "%(full_identity)s, %(begun_at)s) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True)
class Addresses:
    """The addresses of the two servers, without a pooler: as seen from here, and as seen from the other server."""

    source: str
    target: str
    source_inside: str
    target_inside: str

    def of_side(self, side: str) -> str:
        return self.source if side == SOURCE else self.target

    def inside(self, side: str) -> str:
        return self.source_inside if side == SOURCE else self.target_inside


@dataclass(frozen=True)
class Record:
    """One server's row."""

    move: str
    """Identifies the move; part of the names of its slots."""
    side: str
    standing: str
    rerouting: bool
    """Whether processes may have been redirected to the other server already."""
    offline: bool
    addresses: Addresses
    full_identity: tuple[str, ...]
    """Tables without a key, which are published by REPLICA IDENTITY FULL while they move."""
    begun_at: datetime


def markers(name: str) -> str:
    """Return the table of markers, which show how far the copy is: each server has one, and it is copied too."""
    return f"{SCHEMA}.markers_{name}"


def read(connection: Connection) -> Record | None:
    """Return the record of this server; None if the logical database does not move from or to it."""
    if not move_record.exists(connection):
        return None
    row = connection.execute_sql(READ, (connection.name,)).fetchone()
    if row is None:
        return None
    move, side, standing, rerouting, offline, addresses, full_identity, begun_at = row
    return Record(move, side, standing, rerouting, offline, Addresses(**addresses), tuple(full_identity), begun_at)


def write(connection: Connection, record: Record) -> None:
    """Insert the server's row; it replaces one that says `gone`."""
    with advisory_lock(connection, SCHEMA), connection.atomic():
        connection.send(INFRASTRUCTURE)
        connection.send(MARKERS.format(markers=markers(connection.name), schema=SCHEMA, name=connection.name))
        connection.execute_sql(f"DELETE FROM {PLACES} WHERE name = %s AND standing = %s", (connection.name, GONE))
        addresses = record.addresses
        values = asdict(record) | {
            "name": connection.name,
            "source": redacted(addresses.source),
            "target": redacted(addresses.target),
            "addresses": Json(asdict(addresses)),
            "full_identity": list(record.full_identity),
        }
        connection.execute_sql(WRITE, values)


def update(connection: Connection, *, standing: str | None = None, rerouting: bool | None = None) -> None:
    """Change the server's row, in the current transaction."""
    connection.execute_sql(
        f"UPDATE {PLACES} SET standing = coalesce(%s, standing), rerouting = coalesce(%s, rerouting), "
        "changed_at = now() WHERE name = %s",
        (standing, rerouting, connection.name),
    )


def mark_gone(connection: Connection) -> None:
    """Keep only the standing `gone` and the address to which this logical database has moved."""
    with connection.atomic():
        update(connection, standing=GONE, rerouting=False)
        connection.execute_sql(f"UPDATE {PLACES} SET addresses = '{{}}' WHERE name = %s", (connection.name,))
        connection.execute_sql(f"DROP TABLE IF EXISTS {markers(connection.name)}")


def delete(connection: Connection) -> None:
    """Delete all records of the move from this server."""
    if not move_record.exists(connection):
        return
    with advisory_lock(connection, SCHEMA), connection.atomic():
        connection.execute_sql(f"DROP TABLE IF EXISTS {markers(connection.name)}")
        connection.execute_sql(f"DELETE FROM {PLACES} WHERE name = %s", (connection.name,))
        if not connection.value(f"SELECT EXISTS (SELECT FROM {PLACES})"):
            connection.execute_sql(f"DROP SCHEMA {SCHEMA} CASCADE")


def redacted(url: str) -> str:
    """Return an address for people: host, port and database, without login."""
    parts: dict[str, Any] = parse_dsn(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"
