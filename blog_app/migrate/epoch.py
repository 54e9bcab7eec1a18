"""The hook by which a migration tells caches and replicas that rows changed without a mark.

`close` is the last statement of each transaction that changes data or tables; `settle` waits, after the last one, until
no process trusts what it cached before (see the watermarks package).
"""

from __future__ import annotations

from blog_app.migrate.steps import Database


def close(database: Database) -> None:
    """Close the watermark epoch of this logical database; in the transaction of the change."""


def settle(database: Database) -> None:
    """Wait until every process has noticed that the epoch is closed."""
