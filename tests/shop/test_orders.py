"""Orders: the checkout, status transitions, cancellation."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask

from blog_app.shop.order_states import TRANSITIONS
from blog_app.shop.schemas.orders import MAX_ITEMS
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.shop import LONDON, create_address, create_product, place_order, set_statuses, sign_up_customer


def test_an_order_stores_price_name_and_address_of_its_time(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    kettle, book = create_product(vendor, "19.99"), create_product(vendor, "0.10", type="digital", name="On tea")
    placed = place_order(customer, address, (kettle, 3), (book, 1))
    assert (placed["total"], placed["status"], placed["payment"]) == ("60.07", "pending", "pending")
    vendor.patch(f"/products/{kettle['id']}", {"price": "20.50", "name": "Another kettle"})
    customer.patch(f"/addresses/{address}", {"name": "Somebody else"})
    customer.delete(f"/addresses/{address}")
    found = customer.get(f"/orders/{placed['id']}?include=items").json
    assert found["shipping_address"] == {**LONDON, "country_area": ""}
    assert [(each["name"], each["unit_price"], each["quantity"], each["total"]) for each in found["items"]] == [
        ("Kettle", "19.99", 3, "59.97"),
        ("On tea", "0.10", 1, "0.10"),
    ]


def test_an_order_with_too_little_stock_is_refused_as_a_whole(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    plenty, few = create_product(vendor, stock=10), create_product(vendor, stock=1)
    problem = place_order(customer, address, (plenty, 2), (few, 2), status=409)
    assert problem["errors"] == [{"pointer": "/items/1/quantity", "detail": "Only 1 of 'Kettle' left."}]
    assert anonymous(app).get(f"/products/{plenty['id']}").json["available"] == 10
    assert customer.get("/me/orders").json["data"] == []


def test_the_body_of_an_order_is_validated(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor)

    def pointers(items: object, **values: object) -> set[str]:
        body = {"items": items, "address_id": address, **values}
        return {error["pointer"] for error in customer.post("/orders", body, status=422).json["errors"]}

    wish = {"product_id": product["id"], "quantity": 1}
    assert pointers([]) == {"/items"}
    assert pointers([wish, wish]) == {"/items"}
    assert pointers([{**wish, "quantity": -1}]) == {"/items/0/quantity"}
    assert pointers([{**wish, "quantity": 0}]) == {"/items/0/quantity"}
    assert pointers([{**wish, "quantity": 1e9}]) == {"/items/0/quantity"}
    assert pointers([{**wish, "quantity": 1_000_000_000}]) == {"/items/0/quantity"}
    assert pointers([{**wish, "quantity": "1"}]) == {"/items/0/quantity"}
    assert pointers([{**wish, "unit_price": "0.01"}]) == {"/items/0/unit_price"}
    assert pointers([wish], total="0.01") == {"/total"}
    assert pointers([wish], address_id=None) == {"/address_id"}
    assert pointers([wish], address_id=str(uuid4())) == {"/address_id"}
    assert pointers([wish], address_id=create_address(sign_up(app))) == {"/address_id"}
    assert pointers([wish, {**wish, "product_id": str(uuid4())}]) == {"/items/1/product_id"}


def test_an_order_of_ten_thousand_items_is_refused(app: Flask) -> None:
    items = [{"product_id": str(uuid4()), "quantity": 1} for _ in range(10_000)]
    problem = sign_up(app).post("/orders", {"items": items}, status=422).json
    assert problem["errors"][0]["pointer"] == "/items"
    assert str(MAX_ITEMS) in problem["errors"][0]["detail"]


def test_only_physical_products_need_an_address(app: Flask) -> None:
    vendor, customer = sign_up(app, "vendor"), sign_up(app)
    free = create_product(vendor, "0.00", type="subscription", name="The newsletter")
    placed = place_order(customer, None, (free, 1))
    assert (placed["total"], placed["shipping_address"]) == ("0.00", None)


def test_each_change_of_an_order_is_recorded_with_its_author(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    product = create_product(vendor)
    placed = place_order(customer, address, (product, 4))
    admin.put(f"/orders/{placed['id']}/payment", {"payment": "paid"})
    set_statuses(admin, placed, "processing", "shipped", "delivered")
    changes = customer.get(f"/orders/{placed['id']}?include=changes").json["changes"]
    assert [(each["field"], each["old"], each["new"], each["changed_by"]) for each in changes] == [
        ("status", None, "pending", customer.user_id),
        ("payment", "pending", "paid", admin.user_id),
        ("status", "pending", "processing", admin.user_id),
        ("status", "processing", "shipped", admin.user_id),
        ("status", "shipped", "delivered", admin.user_id),
    ]
    left = anonymous(app).get(f"/products/{product['id']}").json
    assert (left["stock"], left["reserved"], left["available"]) == (6, 0, 6)


@pytest.mark.parametrize("field", TRANSITIONS)
def test_a_forbidden_transition_is_a_conflict_that_lists_the_allowed_values(app: Flask, field: str) -> None:
    vendor, admin, customer = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up(app)
    product = create_product(vendor, type="digital")
    ways = {"pending": [], "processing": ["processing"], "shipped": ["processing", "shipped"]}
    ways |= {"delivered": [*ways["shipped"], "delivered"], "cancelled": ["cancelled"]}
    ways |= {"paid": ["paid"], "failed": ["failed"], "refunded": ["paid", "refunded"]}
    for old, allowed in TRANSITIONS[field].items():
        for new in TRANSITIONS[field]:
            placed = place_order(customer, None, (product, 1))
            path = f"/orders/{placed['id']}/{field}"
            for step in ways[old]:
                admin.put(path, {field: step})
            if new in allowed:
                assert admin.put(path, {field: new}).json[field] == new
            else:
                problem = admin.put(path, {field: new}, status=409).json
                assert f"Allowed values: {', '.join(allowed) or 'none'}." in problem["detail"]
    admin.put(path, {field: "lost"}, status=422)


def test_customers_can_cancel_their_own_orders_until_they_are_shipped(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    product = create_product(vendor, stock=3)
    first = place_order(customer, address, (product, 3))
    place_order(customer, address, (product, 1), status=409)
    sign_up(app).put(f"/orders/{first['id']}/cancellation", status=404)
    assert customer.put(f"/orders/{first['id']}/cancellation").json["status"] == "cancelled"
    assert anonymous(app).get(f"/products/{product['id']}").json["available"] == 3
    second = place_order(customer, address, (product, 1))
    set_statuses(admin, second, "processing", "shipped")
    assert "delivered" in customer.put(f"/orders/{second['id']}/cancellation", status=409).json["detail"]
    customer.put(f"/orders/{first['id']}/cancellation", status=409)


def test_users_see_their_own_orders_and_admins_see_all(app: Flask) -> None:
    vendor, admin, one, two = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up(app), sign_up(app)
    product = create_product(vendor, type="digital")
    first, second, third = (place_order(caller, None, (product, 1))["id"] for caller in (one, two, admin))

    def ids(caller: object, path: str) -> list[str]:
        return [each["id"] for each in caller.get(path).json["data"]]

    assert ids(one, "/me/orders") == ids(one, "/orders") == [first]
    assert ids(admin, "/me/orders") == [third]
    assert ids(admin, "/orders") == [third, second, first]
    assert ids(admin, f"/orders?user_id={two.user_id}") == [second]
    one.get(f"/orders/{second}", status=404)
    one.put(f"/orders/{first}/status", {"status": "processing"}, status=403)
    one.put(f"/orders/{first}/payment", {"payment": "paid"}, status=403)
    anonymous(app).get("/me/orders", status=401)


def test_a_checkout_repeated_with_its_idempotency_key_is_one_order(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor)
    body = {"items": [{"product_id": product["id"], "quantity": 1}], "address_id": address}
    first = customer.post("/orders", body, **{"Idempotency-Key": "once"}).json
    assert customer.post("/orders", body, **{"Idempotency-Key": "once"}).json == first
    body["items"][0]["quantity"] = 2
    customer.post("/orders", body, status=422, **{"Idempotency-Key": "once"})
    assert anonymous(app).get(f"/products/{product['id']}").json["reserved"] == 1
