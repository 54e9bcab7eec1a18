"""Daily sales, a materialized view that takes refunds out of the revenue and shows them by themselves.

It is beside `daily_revenue`, which processes of the previous release still read and refresh; nobody does after them.
"""

import peewee as pw
from peewee_migrate import Migrator

safe = {"require-concurrent-index-creation": "the view is created here, so nobody uses it yet"}


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("""
        CREATE MATERIALIZED VIEW shop.daily_sales AS
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day,
               count(*) FILTER (WHERE sold) AS orders,
               coalesce(sum(total) FILTER (WHERE sold), 0.00) AS revenue,
               coalesce(sum(total) FILTER (WHERE sold AND payment = 'paid'), 0.00) AS paid,
               count(*) FILTER (WHERE payment = 'refunded') AS refunds,
               coalesce(sum(total) FILTER (WHERE payment = 'refunded'), 0.00) AS refunded,
               min(total) FILTER (WHERE sold) AS smallest,
               max(total) FILTER (WHERE sold) AS largest,
               round(avg(total) FILTER (WHERE sold), 2) AS average
          FROM (SELECT *, status <> 'cancelled' AND payment <> 'refunded' AS sold FROM shop.orders) AS orders
         WHERE sold OR payment = 'refunded'
         GROUP BY 1
    """)
    # REFRESH … CONCURRENTLY, which does not block reads, needs a unique index.
    migrator.sql("CREATE UNIQUE INDEX daily_sales_day ON shop.daily_sales (day)")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("DROP MATERIALIZED VIEW shop.daily_sales")
