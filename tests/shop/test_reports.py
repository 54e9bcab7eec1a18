"""Sales and stock reports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.data.models import now
from blog_app.shop.models import Order
from blog_app.shop.reports import refresh_daily_sales
from tests.helpers.caller import Caller, sign_up
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin")


def refresh() -> None:
    """Refresh as the worker does: in a transaction, through the pooler."""
    with databases.shop.atomic():
        refresh_daily_sales()


def rows(admin: Caller, report: str, *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in admin.get(f"/reports/{report}").json["data"]]


def test_revenue_is_reported_by_day_without_cancelled_orders(app: Flask, admin: Caller) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor, "20.00")
    yesterday, cancelled, today = (place_order(customer, address, (product, 2)) for _ in range(3))
    customer.put(f"/orders/{cancelled['id']}/cancellation")
    admin.put(f"/orders/{today['id']}/payment", {"payment": "paid"})
    place_order(customer, address, (product, 1))
    noon = now().replace(hour=12)
    Order.update(created_at=noon).execute()
    Order.update(created_at=noon - timedelta(days=1)).where(Order.id == yesterday["id"]).execute()
    refresh()
    days = [(noon - timedelta(days=age)).date().isoformat() for age in (0, 1)]
    assert rows(admin, "days", "day", "orders", "revenue", "paid") == [
        (days[0], 2, "60.00", "40.00"),
        (days[1], 1, "40.00", "0.00"),
    ]
    assert rows(admin, f"days?day[gte]={days[0]}", "day") == [(days[0],)]
    first = admin.get("/reports/days?limit=1").json["page"]["next"]
    assert rows(admin, f"days?limit=1&cursor={first}", "day") == [(days[1],)]


def test_the_best_products_come_first(app: Flask, admin: Caller) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    cheap, dear, never = (
        create_product(vendor, "1.00", name="Teabag"),
        create_product(vendor, "50.00"),
        create_product(vendor, name="Dust"),
    )
    place_order(customer, address, (cheap, 5), (dear, 2))
    cancelled = place_order(customer, address, (dear, 5), (never, 1))
    customer.put(f"/orders/{cancelled['id']}/cancellation")
    assert rows(admin, "products", "name", "units", "revenue") == [("Teabag", 5, "5.00"), ("Kettle", 2, "100.00")]
    assert rows(admin, "products?sort=-revenue&limit=1", "name") == [("Kettle",)]
    assert rows(admin, "products?revenue[gt]=50", "name") == [("Kettle",)]


def test_products_above_the_average_price_of_their_category_are_reported(app: Flask, admin: Caller) -> None:
    vendor = sign_up(app, "vendor")
    tea, books = (admin.post("/product-categories", {"name": name}).json["id"] for name in ("Tea", "Books"))
    for price, category in (("10.00", tea), ("20.00", tea), ("31.00", tea), ("40.00", books), ("99.00", None)):
        create_product(vendor, price, category_id=category)
    create_product(vendor, "500.00", category_id=tea, active=False)
    assert rows(admin, "dear-products", "price", "category_average") == [("31.00", "20.33")]


def test_customers_with_orders_over_an_amount_are_reported(app: Flask, admin: Caller) -> None:
    vendor, (one, here), (two, there) = sign_up(app, "vendor"), sign_up_customer(app), sign_up_customer(app)
    product = create_product(vendor, "10.00", stock=100)
    for customer, address, quantity in ((one, here, 1), (one, here, 6), (one, here, 7), (two, there, 5)):
        place_order(customer, address, (product, quantity))
    assert rows(admin, "customers?over=50", "user_id", "orders", "total") == [(one.user_id, 2, "130.00")]
    assert rows(admin, "customers?over=49.99&sort=total", "user_id") == [(two.user_id,), (one.user_id,)]
    assert admin.get("/reports/customers?include=customer").json["data"][0]["customer"]["name"] == "Somebody"
    admin.get("/reports/customers?over=much", status=400)


def test_stock_is_reported_by_category(app: Flask, admin: Caller) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    tea = admin.post("/product-categories", {"name": "Tea"}).json["id"]
    kettle, pot = (
        create_product(vendor, "10.00", category_id=tea, stock=4),
        create_product(vendor, "20.00", category_id=tea, stock=1),
    )
    create_product(vendor, "5.00", stock=3)
    create_product(vendor, type="digital", category_id=tea)
    place_order(customer, address, (pot, 1), (kettle, 1))
    set_statuses(admin, place_order(customer, address, (kettle, 1)), "processing", "shipped")
    names = ("category", "products", "sold_out", "stock", "reserved", "worth")
    assert rows(admin, "stock", *names) == [("Tea", 2, 1, 4, 2, "50.00"), (None, 1, 0, 3, 0, "15.00")]


def test_sums_in_reports_can_exceed_the_largest_price(app: Flask, admin: Caller) -> None:
    vendor = sign_up(app, "vendor")
    for name in ("Tea", "Books"):
        category = admin.post("/product-categories", {"name": name}).json["id"]
        create_product(vendor, "9000000.00", category_id=category, stock=1_000_000)
    first = admin.get("/reports/stock?sort=-worth&limit=1").json["page"]["next"]
    assert rows(admin, f"stock?sort=-worth&limit=1&cursor={first}", "worth") == [("9000000000000.00",)]
    assert rows(admin, "customers?total[lt]=10000000.00", "user_id") == []


@pytest.mark.parametrize("report", ["days", "products", "dear-products", "customers", "stock"])
def test_reports_are_for_admins(app: Flask, report: str) -> None:
    for role in ("vendor", "editor", "author"):
        sign_up(app, role).get(f"/reports/{report}", status=403)


def test_refreshing_the_daily_sales_does_not_block_reads(app: Flask, admin: Caller) -> None:
    refresh()
    with ThreadPoolExecutor(1) as other_thread, databases.shop.atomic():
        refresh_daily_sales()
        assert other_thread.submit(rows, admin, "days").result(60) == []
        other_thread.submit(databases.shop.release)


def test_refunds_are_out_of_the_revenue_and_shown_by_themselves(app: Flask, admin: Caller) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor, "20.00")
    kept, returned, cancelled = (place_order(customer, address, (product, number)) for number in (1, 3, 2))
    for order in (kept, returned, cancelled):
        admin.put(f"/orders/{order['id']}/payment", {"payment": "paid"})
    customer.put(f"/orders/{cancelled['id']}/cancellation")
    for order in (returned, cancelled):
        admin.put(f"/orders/{order['id']}/payment", {"payment": "refunded"})
    refresh()
    names = ("orders", "revenue", "paid", "refunds", "refunded", "smallest", "largest", "average")
    assert rows(admin, "days", *names) == [(1, "20.00", "20.00", 2, "100.00", "20.00", "20.00", "20.00")]
    names = ("orders", "units", "revenue", "refunded_units", "refunded")
    assert rows(admin, "products", *names) == [(1, 1, "20.00", 5, "100.00")]
    assert rows(admin, "customers?over=0", "orders", "total") == [(1, "20.00")]


def test_products_are_reported_for_a_span_of_days_with_prices_also_when_deleted(app: Flask, admin: Caller) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor, "20.00")
    old = place_order(customer, address, (product, 3))
    vendor.patch(f"/products/{product['id']}", {"price": "21.00"})
    place_order(customer, address, (product, 1))
    noon = now().replace(hour=12)
    Order.update(created_at=noon).execute()
    Order.update(created_at=noon - timedelta(days=3)).where(Order.id == old["id"]).execute()
    vendor.delete(f"/products/{product['id']}")
    names = ("orders", "units", "revenue", "lowest_price", "highest_price", "average_price")
    assert rows(admin, "products", *names) == [(2, 4, "81.00", "20.00", "21.00", "20.25")]
    assert rows(admin, "products", "refunded_units", "refunded") == [(0, "0.00")]
    today = noon.date().isoformat()
    assert rows(admin, f"products?since={today}", *names) == [(1, 1, "21.00", "21.00", "21.00", "21.00")]
    before = (noon - timedelta(days=1)).date().isoformat()
    assert rows(admin, f"products?until={before}&since=0001-01-01", "units") == [(3,)]
    assert rows(admin, "products?until=9999-12-31&orders[gte]=2", "units") == [(4,)]
    admin.get("/reports/products?since=yesterday", status=400)
