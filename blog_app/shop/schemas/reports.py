"""The schemas of sales and stock reports."""

from __future__ import annotations

from decimal import Decimal

from marshmallow import fields as ma

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Money, String
from blog_app.data.models import subquery_column
from blog_app.shop.models import Order, Product
from blog_app.shop.models.orders import DailySales

MAX_SUM = 10**18 - 1
"""The largest sum of amounts in filters and cursors; beyond any real total."""


class DayReportSchema(Schema):
    """The orders and the revenue of a day (UTC), without cancelled and refunded orders; and the refunds."""

    class Meta:
        model = DailySales
        filterable = ("day", "orders", "revenue", "refunds")
        sortable = ("day", "orders", "revenue", "refunds")
        sort = ("-day",)
        key = "day"

    day = ma.Date(dump_only=True)
    orders = Integer(dump_only=True)
    revenue = Money(dump_only=True, maximum=MAX_SUM)
    paid = Money(dump_only=True, maximum=MAX_SUM)
    smallest = Money(dump_only=True, maximum=MAX_SUM, allow_none=True, metadata={"description": "Order of the day."})
    largest = Money(dump_only=True, maximum=MAX_SUM, allow_none=True, metadata={"description": "Order of the day."})
    average = Money(dump_only=True, maximum=MAX_SUM, allow_none=True, metadata={"description": "Order of the day."})
    refunds = Integer(dump_only=True, metadata={"description": "The number of refunded orders placed on this day."})
    refunded = Money(dump_only=True, maximum=MAX_SUM, metadata={"description": "Their total."})


class ProductReportSchema(Schema):
    """What was sold of a product, without cancelled and refunded orders; and what was refunded."""

    class Meta:
        model = Product
        columns = {
            name: subquery_column(name)
            for name in (
                *("orders", "units", "revenue", "lowest_price", "highest_price", "average_price"),
                *("refunded_units", "refunded"),
            )
        }
        filterable = ("category_id", "vendor_id", "orders", "units", "revenue", "refunded")
        sortable = ("orders", "units", "revenue", "refunded", "name")
        sort = ("-units",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    vendor_id = ma.UUID(dump_only=True)
    category_id = ma.UUID(dump_only=True, allow_none=True)
    orders = Integer(dump_only=True)
    units = Integer(dump_only=True)
    revenue = Money(dump_only=True, maximum=MAX_SUM)
    lowest_price = Money(dump_only=True, allow_none=True, metadata={"description": "At which a unit was sold."})
    highest_price = Money(dump_only=True, allow_none=True, metadata={"description": "At which a unit was sold."})
    average_price = Money(dump_only=True, allow_none=True, metadata={"description": "Of all units sold."})
    refunded_units = Integer(dump_only=True)
    refunded = Money(dump_only=True, maximum=MAX_SUM)


class DaysParameters(Schema):
    """The query parameters of the product report."""

    since = ma.Date(load_default=None, metadata={"description": "First day of orders (UTC). Default: no limit."})
    until = ma.Date(load_default=None, metadata={"description": "Last day of orders (UTC). Default: no limit."})


class DearProductSchema(Schema):  # Its name is public, in OpenAPI.
    """A product that costs more than the average of its category."""

    class Meta:
        model = Product
        columns = {"category_average": subquery_column("average")}
        filterable = ("category_id", "price")
        sortable = ("price", "name")
        sort = ("-price",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    category_id = ma.UUID(dump_only=True)
    price = Money(dump_only=True)
    category_average = Money(dump_only=True)


class CustomerReportSchema(Schema):
    """A customer with the number and the total of their orders over the amount."""

    class Meta:
        model = Order
        columns = {name: subquery_column(name) for name in ("user_id", "orders", "total")}
        filterable = ("orders", "total")
        sortable = ("orders", "total")
        sort = ("-total",)
        key = "user_id"
        includes = {"customer": person(subquery_column("user_id"))}

    user_id = ma.UUID(dump_only=True)
    orders = Integer(dump_only=True)
    total = Money(dump_only=True, maximum=MAX_SUM)


class OverParameter(Schema):
    """The query parameters of the customer report."""

    over = Money(load_default=Decimal(), metadata={"description": "Count only orders of more than this amount."})


class StockReportSchema(Schema):
    """The stock of a category's physical products; `category` is null for products without one."""

    class Meta:
        model = Product
        columns = {
            name: subquery_column(name)
            for name in ("category_id", "category", "products", "sold_out", "stock", "reserved", "worth")
        }
        sortable = ("category", "products", "sold_out", "worth")
        sort = ("category",)
        key = "category_id"

    category_id = ma.UUID(dump_only=True, allow_none=True)
    category = String(dump_only=True, allow_none=True)
    products = Integer(dump_only=True)
    sold_out = Integer(dump_only=True, metadata={"description": "The number of products with no units available."})
    stock = Integer(dump_only=True)
    reserved = Integer(dump_only=True)
    worth = Money(dump_only=True, maximum=MAX_SUM)
