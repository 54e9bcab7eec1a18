"""The daily revenue, a materialized view."""

import peewee as pw
from peewee_migrate import Migrator

safe = {"require-concurrent-index-creation": "the view is created here, so nobody uses it yet"}


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("""
        CREATE MATERIALIZED VIEW shop.daily_revenue AS
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day,
               count(*) AS orders,
               sum(total) AS revenue,
               coalesce(sum(total) FILTER (WHERE payment = 'paid'), 0.00) AS paid
          FROM shop.orders
         WHERE status <> 'cancelled'
         GROUP BY 1
    """)
    # REFRESH … CONCURRENTLY, which does not block reads, needs a unique index.
    migrator.sql("CREATE UNIQUE INDEX daily_revenue_day ON shop.daily_revenue (day)")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("DROP MATERIALIZED VIEW shop.daily_revenue")
