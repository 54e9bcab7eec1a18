"""The endpoints of sales and stock reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from blog_app.api import Blueprint
from blog_app.data import databases
from blog_app.shop import reports as queries
from blog_app.shop.schemas import reports as schemas

reports = Blueprint("reports", database=databases.shop)


@reports.lists("/days", schemas.DayReportSchema)
def report_days() -> Any:
    """Report orders and revenue by day, latest first. At most about five minutes old."""
    return queries.days()


@reports.lists("/products", schemas.ProductReportSchema)
def report_products() -> Any:
    """Report the best-selling products."""
    return queries.best_selling_products()


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
