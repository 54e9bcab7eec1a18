"""The schemas of sales and stock reports."""

from __future__ import annotations

from decimal import Decimal

from marshmallow import fields as ma

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Money, String
from blog_app.data.models import subquery_column
from blog_app.shop.models import Order, Product
from blog_app.shop.models.orders import DailyRevenue

MAX_SUM = 10**18 - 1
"""The largest sum of amounts in filters and cursors; beyond any real total."""


class DayReportSchema(Schema):
    """The orders and the revenue of a day (UTC), without cancelled orders."""

    class Meta:
        model = DailyRevenue
        filterable = ("day", "orders", "revenue")
        sortable = ("day", "orders", "revenue")
        sort = ("-day",)
        key = "day"

    day = ma.Date(dump_only=True)
    orders = Integer(dump_only=True)
    revenue = Money(dump_only=True, maximum=MAX_SUM)
    paid = Money(dump_only=True, maximum=MAX_SUM)


class ProductReportSchema(Schema):
    """Units and revenue of a product."""

    class Meta:
        model = Product
        columns = {"units": subquery_column("units"), "revenue": subquery_column("revenue")}
        filterable = ("category_id", "vendor_id", "units", "revenue")
        sortable = ("units", "revenue", "name")
        sort = ("-units",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    vendor_id = ma.UUID(dump_only=True)
    category_id = ma.UUID(dump_only=True, allow_none=True)
    units = Integer(dump_only=True)
    revenue = Money(dump_only=True, maximum=MAX_SUM)


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
