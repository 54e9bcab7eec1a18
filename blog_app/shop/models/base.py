"""The base model of the shop's tables, and the column type for money."""

from __future__ import annotations

from typing import Any

import peewee

from blog_app.data import databases
from blog_app.data.models import Record

CURRENCY = peewee.SQL("''")
"""The shop's currency as a column. It is a setting, not data: `set_currency` names it once, before any query."""


def set_currency(code: str) -> None:
    """Make this the shop's currency, an ISO 4217 code."""
    CURRENCY.sql = f"'{code}'"


class ShopRecord(Record):
    """A record of the shop database."""

    class Meta:
        database = databases.shop
        schema = "shop"


def money_field(**options: Any) -> peewee.DecimalField:
    """Return a column for an amount of money, exact to two digits, in the shop's currency."""
    return peewee.DecimalField(max_digits=14, decimal_places=2, **options)
