"""How the shop is doing, from outside."""

from __future__ import annotations

from decimal import Decimal

from marshmallow import fields as ma

from blog_app.accounts import directory
from blog_app.accounts.schemas import PersonSchema
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Money, String
from blog_app.api.resources.includes import from_directory
from blog_app.data.models import subquery_column
from blog_app.shop.models import Order, Product
from blog_app.shop.models.revenue import DailyRevenue

SUM = 10**18 - 1
"""What amounts may add up to; no limit that anybody meets, in a filter or on the edge of a page."""


class DayReportSchema(Schema):
    """What was ordered on a day (UTC) and not cancelled, and what of it is paid."""

    class Meta:
        model = DailyRevenue
        filterable = ("day", "orders", "revenue")
        sortable = ("day", "orders", "revenue")
        sort = ("-day",)
        key = "day"

    day = ma.Date(dump_only=True)
    orders = Integer(dump_only=True)
    revenue = Money(dump_only=True, maximum=SUM)
    paid = Money(dump_only=True, maximum=SUM)


class ProductReportSchema(Schema):
    """How much of a product was ordered."""

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
    revenue = Money(dump_only=True, maximum=SUM)


class DearProductSchema(Schema):
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
    """A user with orders over the amount: how many, and what they add up to."""

    class Meta:
        model = Order
        columns = {name: subquery_column(name) for name in ("user_id", "orders", "total")}
        filterable = ("orders", "total")
        sortable = ("orders", "total")
        sort = ("-total",)
        key = "user_id"
        includes = {"customer": from_directory(directory.people, PersonSchema, subquery_column("user_id"))}

    user_id = ma.UUID(dump_only=True)
    orders = Integer(dump_only=True)
    total = Money(dump_only=True, maximum=SUM)


class OverParameter(Schema):
    """The parameter of the report on customers."""

    over = Money(load_default=Decimal(), metadata={"description": "Only orders of more than this amount count."})


class StockReportSchema(Schema):
    """What there is of the physical products of a category; null: of those without one."""

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
    sold_out = Integer(dump_only=True, metadata={"description": "How many products have nothing left to order."})
    stock = Integer(dump_only=True)
    reserved = Integer(dump_only=True)
    worth = Money(dump_only=True, maximum=SUM)
