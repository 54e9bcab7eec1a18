"""The schemas of orders and the checkout."""

from __future__ import annotations

from typing import Any

import peewee
from marshmallow import ValidationError, fields as ma, validate

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, JsonObject, Money, String, Timestamp
from blog_app.api.resources.includes import belongs_to, has_many
from blog_app.shop.models import Order, OrderChange, OrderItem, Product
from blog_app.shop.models.base import CURRENCY
from blog_app.shop.models.products import PRODUCT_TYPES
from blog_app.shop.order_states import PAYMENT, STATUS
from blog_app.shop.schemas.products import ProductCategorySchema, currency_field

MAX_ITEMS = 100
MAX_QUANTITY = 1_000


class OrderedProductSchema(Schema):
    """A product that was ordered, as it is now."""

    class Meta:
        model = Product
        includes = {"category": belongs_to(ProductCategorySchema, Product.category)}

    id = ma.UUID(dump_only=True)
    type = ma.String(dump_only=True, validate=validate.OneOf(tuple(PRODUCT_TYPES)))
    name = String(dump_only=True)
    slug = String(dump_only=True)
    category_id = ma.UUID(dump_only=True, allow_none=True)


class OrderItemSchema(Schema):
    """A product in an order, at the price at the time of the order."""

    class Meta:
        model = OrderItem
        columns = {"total": OrderItem.unit_price * OrderItem.quantity}
        includes = {"product": belongs_to(OrderedProductSchema, OrderItem.product)}

    id = ma.UUID(dump_only=True)
    product_id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    unit_price = Money(dump_only=True)
    quantity = Integer(dump_only=True)
    total = Money(dump_only=True)


class OrderChangeSchema(Schema):
    """A change of an order's status or payment. `changed_by` is null if the shop made it itself."""

    class Meta:
        model = OrderChange
        sort = ("id",)

    id = ma.UUID(dump_only=True)
    field = ma.String(dump_only=True, validate=validate.OneOf(("status", "payment")))
    old = ma.String(dump_only=True, allow_none=True)
    new = ma.String(dump_only=True)
    changed_by = ma.UUID(dump_only=True, allow_none=True)
    created_at = Timestamp(dump_only=True)


class OrderSchema(Schema):
    """An order."""

    class Meta:
        model = Order
        columns = {"currency": peewee.fn.coalesce(Order.currency, CURRENCY)}
        filterable = ("status", "payment", "total", "user_id", "created_at")
        sortable = ("created_at", "total")
        sort = ("-created_at", "-id")
        includes = {
            "customer": person(Order.user_id),
            "items": has_many(OrderItemSchema, Order.id, OrderItem.order),
            "changes": has_many(OrderChangeSchema, Order.id, OrderChange.order),
        }

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(tuple(STATUS)))
    payment = ma.String(dump_only=True, validate=validate.OneOf(tuple(PAYMENT)))
    total = Money(dump_only=True)
    currency = currency_field()
    shipping_address = JsonObject(dump_only=True, allow_none=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)


class WishSchema(Schema):  # Its name is public, in OpenAPI.
    """A product to order, and how many."""

    product_id = ma.UUID(required=True)
    quantity = Integer(required=True, minimum=1, maximum=MAX_QUANTITY, metadata={"example": 1})


def require_distinct(items: list[dict[str, Any]]) -> None:
    """Raise `ValidationError` if a product occurs twice: its quantity would be ambiguous."""
    if len({item["product_id"] for item in items}) < len(items):
        raise ValidationError("Must not contain a product more than once.")


class CheckoutSchema(Schema):
    """The products to order, and the shipping address."""

    items = ma.List(ma.Nested(WishSchema), required=True, validate=[validate.Length(1, MAX_ITEMS), require_distinct])
    address_id = ma.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "One of your addresses. Required if a product is physical."},
    )


class OrderStatusUpdateSchema(Schema):
    """The new status of an order."""

    status = ma.String(required=True, validate=validate.OneOf(tuple(STATUS)), metadata={"example": "processing"})


class OrderPaymentUpdateSchema(Schema):
    """The new payment status of an order."""

    payment = ma.String(required=True, validate=validate.OneOf(tuple(PAYMENT)), metadata={"example": "paid"})
