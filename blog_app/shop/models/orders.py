"""Orders, their items, the history of their status, and daily sales."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from uuid import UUID

import peewee

from blog_app.data import databases
from blog_app.permissions import Scope
from blog_app.shop.models.base import ShopRecord, money_field
from blog_app.shop.models.products import Product

OPEN_STATUSES = ("pending", "processing")
"""The statuses in which an order reserves stock and can be cancelled: it is not shipped yet."""


class Order(ShopRecord):
    """An order. `total` is the sum of its items, computed at checkout."""

    user_id = peewee.UUIDField()
    status = peewee.CharField(max_length=20, default="pending", constraints=[peewee.SQL("DEFAULT 'pending'")])
    payment = peewee.CharField(max_length=20, default="pending", constraints=[peewee.SQL("DEFAULT 'pending'")])
    total = money_field()
    currency = peewee.CharField(max_length=3, null=True)
    """That of the shop at the time; null, of orders from before it was recorded: the shop's."""
    shipping_address = peewee.JSONField(null=True)

    class Meta:
        table_name = "orders"
        audited = ("status", "payment", "total")
        redacted = ("shipping_address",)
        indexes = ((("user_id", "created_at"), False), (("created_at",), False))
        constraints = [
            peewee.Check(
                "status IN ('pending', 'processing', 'shipped', 'delivered', 'cancelled')",
                name="orders_status_is_known",
            ),
            peewee.Check("payment IN ('pending', 'paid', 'failed', 'refunded')", name="orders_payment_is_known"),
            peewee.Check("total >= 0", name="orders_total_is_not_negative"),
        ]

    owner_id = property(attrgetter("user_id"))

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the orders that a caller with this scope may see: their own, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.user_id == user_id)

    @classmethod
    def is_sold(cls) -> peewee.Expression:
        """Return the condition that an order counts as revenue: neither cancelled nor refunded."""
        return (cls.status != "cancelled") & (cls.payment != "refunded")


class OrderItem(ShopRecord):
    """A product in an order, with its name and price at the time of the order."""

    order = peewee.ForeignKeyField(Order, backref="items", on_delete="CASCADE", index=False)
    product = peewee.ForeignKeyField(Product, backref="+", on_delete="RESTRICT")
    name = peewee.CharField(max_length=100)
    unit_price = money_field()
    quantity = peewee.IntegerField()

    class Meta:
        table_name = "order_items"
        indexes = ((("order", "product"), True),)
        constraints = [
            peewee.Check("quantity > 0", name="order_items_quantity_is_positive"),
            peewee.Check("unit_price >= 0", name="order_items_unit_price_is_not_negative"),
        ]


class OrderChange(ShopRecord):
    """A change of an order's status or payment: from what to what, when (`created_at`), and by whom."""

    order = peewee.ForeignKeyField(Order, backref="changes", on_delete="CASCADE")
    field = peewee.CharField(max_length=10)
    old = peewee.CharField(max_length=20, null=True)
    new = peewee.CharField(max_length=20)
    changed_by = peewee.UUIDField(null=True)

    class Meta:
        table_name = "order_changes"
        constraints = [peewee.Check("field IN ('status', 'payment')", name="order_changes_field_is_known")]


class DailySales(peewee.Model):
    """Orders, revenue and refunds of one day (UTC): a materialized view that the worker refreshes.

    `orders`, `revenue` and what is computed from them leave out cancelled and refunded orders.

    Not a `Base`: a migration drafted from the models would create a table.
    """

    day = peewee.DateField(primary_key=True)
    orders = peewee.IntegerField()
    revenue = money_field()
    paid = money_field()
    refunds = peewee.IntegerField()
    refunded = money_field()
    smallest = money_field(null=True)
    largest = money_field(null=True)
    average = money_field(null=True)

    class Meta:
        database = databases.shop
        schema = "shop"
        table_name = "daily_sales"
