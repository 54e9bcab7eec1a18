"""Sales and stock reports. Each is one statement: a query on the subquery `found`, which has a row a report line.

Cancelled and refunded orders do not count; refunds are reported by themselves.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from peewee import JOIN, fn

from blog_app.background import jobs
from blog_app.data import databases
from blog_app.data.models import subquery_column
from blog_app.shop.models import Order, OrderItem, Product, ProductCategory
from blog_app.shop.models.orders import DailySales

IS_SOLD = Order.is_sold()
NOTHING = Decimal("0.00")
IS_REFUNDED = Order.payment == "refunded"


def days() -> Any:
    """Return the days (UTC) with orders, as of the last `refresh_daily_sales`."""
    return DailySales.select()


@jobs.every(timedelta(minutes=5), databases.shop)
def refresh_daily_sales() -> None:
    """Refresh the materialized view of daily sales, without blocking reads."""
    databases.shop.declare_write(DailySales)
    databases.shop.execute_sql("REFRESH MATERIALIZED VIEW CONCURRENTLY shop.daily_sales")


def best_selling_products(since: date | None, until: date | None) -> Any:
    """Return the products that were ordered in these days (UTC), deleted ones too, with what was sold and refunded."""
    amount = OrderItem.unit_price * OrderItem.quantity
    price = OrderItem.unit_price
    units = fn.SUM(OrderItem.quantity).filter(IS_SOLD)
    revenue = fn.SUM(amount).filter(IS_SOLD)
    found = (
        OrderItem.select(
            OrderItem.product,
            fn.COUNT(Order.id).filter(IS_SOLD).alias("orders"),
            fn.COALESCE(units, 0).alias("units"),
            fn.COALESCE(revenue, NOTHING).alias("revenue"),
            fn.MIN(price).filter(IS_SOLD).alias("lowest_price"),
            fn.MAX(price).filter(IS_SOLD).alias("highest_price"),
            fn.ROUND(revenue / units, 2).alias("average_price"),
            fn.COALESCE(fn.SUM(OrderItem.quantity).filter(IS_REFUNDED), 0).alias("refunded_units"),
            fn.COALESCE(fn.SUM(amount).filter(IS_REFUNDED), NOTHING).alias("refunded"),
        )
        .join(Order)
        .where(IS_SOLD | IS_REFUNDED)
        .group_by(OrderItem.product)
    )
    day = fn.TIMEZONE("UTC", Order.created_at).cast("date")
    if since:
        found = found.where(day >= since)
    if until:
        found = found.where(day <= until)
    return Product.with_deleted().join(found.alias("found"), on=(Product.id == subquery_column("product_id")))


def products_above_average() -> Any:
    """Return the products on sale that cost more than the `average` of their category."""
    found = (
        Product.select(Product.category, fn.ROUND(fn.AVG(Product.price), 2).alias("average"))
        .where(Product.active)
        .group_by(Product.category)
        .alias("found")
    )
    return (
        Product.select()
        .join(found, on=(Product.category == subquery_column("category_id")))
        .where(Product.active & (Product.price > subquery_column("average")))
    )


def customers_with_orders_over(over: Decimal) -> Any:
    """Return the users with orders over this amount, with the number and the total of these orders."""
    found = (
        Order.select(Order.user_id, fn.COUNT(Order.id).alias("orders"), fn.SUM(Order.total).alias("total"))
        .where(IS_SOLD & (Order.total > over))
        .group_by(Order.user_id)
        .alias("found")
    )
    return Order.select().from_(found)


def stock() -> Any:
    """Return stock, reservations and stock value by category (null: products without one)."""
    available = Product.stock - Product.reserved
    found = (
        Product.select(
            ProductCategory.id.alias("category_id"),
            ProductCategory.name.alias("category"),
            fn.COUNT(Product.id).alias("products"),
            fn.COUNT(Product.id).filter(available == 0).alias("sold_out"),
            fn.SUM(Product.stock).alias("stock"),
            fn.SUM(Product.reserved).alias("reserved"),
            fn.SUM(Product.stock * Product.price).alias("worth"),
        )
        .join(ProductCategory, JOIN.LEFT_OUTER)
        .where(Product.stock.is_null(False))
        .group_by(ProductCategory.id)
        .alias("found")
    )
    return Product.with_deleted().from_(found)
