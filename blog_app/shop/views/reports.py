"""The endpoints of sales and stock reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from blog_app.api import Blueprint
from blog_app.data import databases
from blog_app.shop import reports as queries
from blog_app.shop.schemas import reports as schemas

reports = Blueprint("reports", database=databases.shop)


@reports.lists("/days", schemas.DayReportSchema)
def report_days() -> Any:
    """Report orders, revenue and refunds by day, latest first. At most about five minutes old."""
    return queries.days()


@reports.lists("/products", schemas.ProductReportSchema, parameters=schemas.DaysParameters)
def report_products(since: date | None, until: date | None) -> Any:
    """Report the best-selling products, and what was refunded of them. Deleted products count."""
    return queries.best_selling_products(since, until)


@reports.lists("/dear-products", schemas.DearProductSchema)
def report_dear_products() -> Any:
    """Report products that cost more than the average of their category."""
    return queries.products_above_average()


@reports.lists("/customers", schemas.CustomerReportSchema, parameters=schemas.OverParameter)
def report_customers(over: Decimal) -> Any:
    """Report customers with orders over an amount."""
    return queries.customers_with_orders_over(over)


@reports.lists("/stock", schemas.StockReportSchema)
def report_stock() -> Any:
    """Report the stock by category."""
    return queries.stock()
