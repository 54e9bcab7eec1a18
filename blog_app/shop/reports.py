"""Sales and stock reports. Each is one statement: a query on the subquery `found`, which has a row a report line.

Cancelled orders do not count.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from peewee import JOIN, fn

from blog_app.background import jobs
from blog_app.data import databases
from blog_app.data.models import subquery_column
from blog_app.shop.models import Order, OrderItem, Product, ProductCategory
from blog_app.shop.models.orders import DailyRevenue

NOT_CANCELLED = Order.status != "cancelled"


def days() -> Any:
    """Return the days (UTC) with orders, as of the last `refresh_daily_revenue`."""
    return DailyRevenue.select()


@jobs.every(timedelta(minutes=5), databases.shop)
def refresh_daily_revenue() -> None:
    """Refresh the materialized view of daily revenue, without blocking reads."""
    databases.shop.declare_write(DailyRevenue)
    databases.shop.execute_sql("REFRESH MATERIALIZED VIEW CONCURRENTLY shop.daily_revenue")


def best_selling_products() -> Any:
    """Return the products that were ordered, with the `units` and the `revenue` of each."""
    units = fn.SUM(OrderItem.quantity).alias("units")
    revenue = fn.SUM(OrderItem.unit_price * OrderItem.quantity).alias("revenue")
    found = (
        OrderItem.select(OrderItem.product, units, revenue)
        .join(Order)
        .where(NOT_CANCELLED)
        .group_by(OrderItem.product)
        .alias("found")
    )
    return Product.select().join(found, on=(Product.id == subquery_column("product_id")))


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
        .where(NOT_CANCELLED & (Order.total > over))
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
    return Product.select().from_(found)
