"""Customers: shipping addresses and monthly purchase limits."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any, Self
from uuid import UUID

import peewee

from blog_app.permissions import Scope
from blog_app.shop.models.base import ShopRecord, money_field

DEFAULT_MONTHLY_LIMIT = Decimal("10000.00")


class Customer(ShopRecord):
    """A user as a customer. `monthly_limit` is None for the default."""

    user_id = peewee.UUIDField(unique=True)
    monthly_limit = money_field(null=True)

    class Meta:
        table_name = "customers"
        audited = ("monthly_limit",)
        constraints = [peewee.Check("monthly_limit >= 0", name="customers_monthly_limit_is_not_negative")]

    owner_id = property(attrgetter("user_id"))

    @classmethod
    def locked(cls, user_id: UUID) -> Self:
        """Return the customer, created if missing, and locked: a user's orders are placed one after the other."""
        return cls.lock_or_create(cls.user_id, user_id)


class Address(ShopRecord):
    """A shipping address of a customer; `country_code` is ISO 3166-1 alpha-2."""

    user_id = peewee.UUIDField(index=True)
    name = peewee.CharField(max_length=100)
    street_address = peewee.CharField(max_length=200)
    city = peewee.CharField(max_length=100)
    country_area = peewee.CharField(max_length=100, default="", constraints=[peewee.SQL("DEFAULT ''")])
    postal_code = peewee.CharField(max_length=20, default="", constraints=[peewee.SQL("DEFAULT ''")])
    country_code = peewee.CharField(max_length=2)

    class Meta:
        table_name = "addresses"
        audited = ("country_code",)
        redacted = ("name", "street_address", "city", "country_area", "postal_code")

    owner_id = property(attrgetter("user_id"))

    @property
    def snapshot(self) -> dict[str, str]:
        """The copy of the address that an order stores."""
        names = ("name", "street_address", "city", "country_area", "postal_code", "country_code")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the caller's own addresses, whatever the scope."""
        return cls.select().where(cls.user_id == user_id)
