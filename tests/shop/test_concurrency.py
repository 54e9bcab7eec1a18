"""Concurrent orders: nothing is sold twice, nothing deadlocks, and the sums are right."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from blog_app.background import worker
from blog_app.background.outbox.tables import DELIVERIES
from blog_app.data.backoff import Backoff
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer
from tests.helpers.shop_invariants import require_invariants
from tests.helpers.threads import run_in_parallel
from tests.helpers.worker import deliver_all


def test_a_thousand_orders_for_the_last_item_sell_exactly_one(app: Flask) -> None:
    product = create_product(sign_up(app, "vendor"), stock=1)
    buyers = [sign_up_customer(app) for _ in range(20)]
    calls = [
        customer.deferred(
            "POST", "/orders", {"items": [{"product_id": product["id"], "quantity": 1}], "address_id": to}
        )
        for customer, to in buyers * 50
    ]
    assert Counter(run_in_parallel(*calls)) == {201: 1, 409: 999}
    assert anonymous(app).get(f"/products/{product['id']}").json["available"] == 0
    require_invariants()


def test_carts_of_the_same_products_in_any_order_never_deadlock(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    products = [create_product(vendor, stock=40) for _ in range(6)]
    buyers = [sign_up_customer(app) for _ in range(8)]
    chance = random.Random(7)

    def cart(customer: Caller, to: str) -> Callable[[], int]:
        chosen = chance.sample(products, chance.randint(2, 6))
        items = [{"product_id": each["id"], "quantity": chance.randint(1, 3)} for each in chosen]
        return customer.deferred("POST", "/orders", {"items": items, "address_id": to})

    statuses = Counter(run_in_parallel(*(cart(*each) for each in buyers * 25)))
    assert set(statuses) == {201, 409}
    require_invariants()


def test_concurrent_orders_cancellations_shipments_and_edits_keep_the_sums(app: Flask) -> None:
    vendor, admin = sign_up(app, "vendor"), sign_up(app, "admin")
    products = [create_product(vendor, stock=60) for _ in range(4)]
    buyers = [sign_up_customer(app) for _ in range(6)]
    chance = random.Random(11)
    placed = [
        (customer, place_order(customer, to, *((each, 1) for each in products[:3])))
        for customer, to in buyers
        for _ in range(4)
    ]
    for _, each in placed[::2]:
        set_statuses(admin, each, "processing")
    calls = []
    for customer, each in placed:
        path = f"/orders/{each['id']}"
        calls.append(customer.deferred("PUT", f"{path}/cancellation", None))
        calls.append(admin.deferred("PUT", f"{path}/status", {"status": "shipped"}))
    for customer, to in buyers * 4:
        items = [{"product_id": each["id"], "quantity": 2} for each in chance.sample(products, 3)]
        calls.append(customer.deferred("POST", "/orders", {"items": items, "address_id": to}))
    calls += [
        vendor.deferred("PATCH", f"/products/{product['id']}", {"stock": chance.randint(20, 60)})
        for product in products * 5
    ]
    chance.shuffle(calls)
    assert set(run_in_parallel(*calls)) <= {200, 201, 409}
    require_invariants()


def test_concurrent_status_changes_change_it_once(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    product = create_product(vendor, stock=20)
    for _ in range(10):
        placed = place_order(customer, address, (product, 1))
        path = f"/orders/{placed['id']}"
        calls = [admin.deferred("PUT", f"{path}/status", {"status": "processing"})] * 4
        assert Counter(run_in_parallel(*calls)) == {200: 1, 409: 3}
        calls = [
            admin.deferred("PUT", f"{path}/status", {"status": "shipped"}),
            customer.deferred("PUT", f"{path}/cancellation", None),
        ]
        assert Counter(run_in_parallel(*calls)) == {200: 1, 409: 1}
    require_invariants()


@pytest.mark.parametrize("same_product", [True, False])
def test_concurrent_orders_cannot_exceed_the_monthly_limit(app: Flask, same_product: bool) -> None:
    vendor, admin, customer = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up(app)
    admin.put(f"/customers/{customer.user_id}/purchase-limit", {"monthly_limit": "100.00"})
    products = [create_product(vendor, "30.00", type="digital") for _ in range(1 if same_product else 8)]
    calls = [
        customer.deferred("POST", "/orders", {"items": [{"product_id": each["id"], "quantity": 1}]})
        for each in products * (8 // len(products))
    ]
    assert Counter(run_in_parallel(*calls)) == {201: 3, 409: 5}
    assert Decimal(customer.get("/me/purchase-limit").json["spent"]) == Decimal("90.00")


def test_account_deletions_during_orders_do_not_deadlock(app: Flask) -> None:
    vendors = [sign_up(app, "vendor") for _ in range(2)]
    products = [create_product(vendor, stock=30) for vendor in vendors * 3]
    buyers = [sign_up_customer(app) for _ in range(8)]
    chance = random.Random(13)
    calls: list[Callable[[], Any]] = []
    for customer, to in buyers * 10:
        items = [{"product_id": each["id"], "quantity": 1} for each in chance.sample(products, 4)]
        calls.append(customer.deferred("POST", "/orders", {"items": items, "address_id": to}))
    leaving = [caller.deferred("DELETE", "/me", None) for caller in (*vendors[:1], *(who for who, _ in buyers[:4]))]

    def deliver() -> None:
        worker.deliver_due(app, Backoff(), threading.Event())

    for place, call in enumerate([*leaving, *[deliver] * 12]):
        calls.insert(20 + 4 * place, call)
    assert set(run_in_parallel(*calls)) <= {201, 204, 401, 409, 422, None}
    deliver_all(app)
    assert DELIVERIES["accounts"].select().count() == 0
    require_invariants()
