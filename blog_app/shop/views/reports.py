"""How the shop is doing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from blog_app.api import Blueprint
from blog_app.data import databases
from blog_app.shop import reports as queries
from blog_app.shop.schemas.reports import (
    CustomerReportSchema,
    DayReportSchema,
    DearProductSchema,
    OverParameter,
    ProductReportSchema,
    StockReportSchema,
)

reports = Blueprint("reports", database=databases.shop)


@reports.lists("/days", DayReportSchema)
def report_days() -> Any:
    """Report orders and revenue of each day, the latest first; at most about five minutes old."""
    return queries.days()


@reports.lists("/products", ProductReportSchema)
def report_products() -> Any:
    """Report what was ordered most."""
    return queries.best_products()


@reports.lists("/dear-products", DearProductSchema)
def report_dear_products() -> Any:
    """Report the products that cost more than the average of their category."""
    return queries.dear_products()


@reports.lists("/customers", CustomerReportSchema, parameters=OverParameter)
def report_customers(over: Decimal) -> Any:
    """Report the customers with orders over an amount."""
    return queries.good_customers(over)


@reports.lists("/stock", StockReportSchema)
def report_stock() -> Any:
    """Report the stock of each category."""
    return queries.stock()
