"""Postal address validation and the monthly purchase limit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from blog_app.data.models import now
from blog_app.shop.customers import MAX_ADDRESSES
from blog_app.shop.models import Order
from tests.helpers.caller import sign_up
from tests.helpers.shop import LONDON, create_product, place_order

BASE = {"name": "Ada", "street_address": "1 Main Street", "city": "Somewhere"}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"country_code": "US", "country_area": "California", "postal_code": "94043"}, ("CA", "94043")),
        ({"country_code": "US", "country_area": "NY", "postal_code": "10001-1234"}, ("NY", "10001-1234")),
        ({"country_code": "GB", "postal_code": "sw1y 4lb"}, ("", "SW1Y 4LB")),
        ({"country_code": "DE", "postal_code": "10115"}, ("", "10115")),
        ({"country_code": "CA", "country_area": "Ontario", "postal_code": "k1a 0b1"}, ("ON", "K1A 0B1")),
        ({"country_code": "NL", "postal_code": "1012 JS"}, ("", "1012 JS")),
        ({"country_code": "ie"}, ("", "")),
    ],
)
def test_an_address_is_normalized_by_the_rules_of_its_country(app: Flask, given: dict, stored: tuple) -> None:
    found = sign_up(app).post("/addresses", {**BASE, **given}).json
    assert (found["country_area"], found["postal_code"]) == stored
    assert found["country_code"] == given["country_code"].upper()


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"country_code": "US", "country_area": "CA", "postal_code": "9404"}, {"/postal_code"}),
        ({"country_code": "US", "country_area": "CA", "postal_code": "10001"}, {"/postal_code"}),
        ({"country_code": "US", "postal_code": "94043"}, {"/country_area"}),
        ({"country_code": "US", "country_area": "Bavaria", "postal_code": "94043"}, {"/country_area"}),
        ({"country_code": "GB", "postal_code": "12345"}, {"/postal_code"}),
        ({"country_code": "DE"}, {"/postal_code"}),
        ({"country_code": "DE", "postal_code": "1234"}, {"/postal_code"}),
        ({"country_code": "XX", "postal_code": "1234"}, {"/country_code"}),
        ({"country_code": "🇩🇪", "postal_code": "10115"}, {"/country_code"}),
        ({"country_code": "../", "postal_code": "10115"}, {"/country_code"}),
        ({"country_code": "..", "postal_code": "10115"}, {"/country_code"}),
        ({"country_code": "DE", "postal_code": "10115", "city": "\x00"}, {"/city"}),
        ({"country_code": "DE", "postal_code": "10115", "planet": "Earth"}, {"/planet"}),
    ],
)
def test_an_address_that_its_country_does_not_allow_is_refused(app: Flask, given: dict, pointers: set) -> None:
    errors = sign_up(app).post("/addresses", {**BASE, **given}, status=422).json["errors"]
    assert {error["pointer"] for error in errors} == pointers


def test_the_error_of_a_wrong_postal_code_has_an_example(app: Flask) -> None:
    problem = sign_up(app).post("/addresses", {**LONDON, "postal_code": "1"}, status=422).json
    assert "For example: EC1Y 8SY" in problem["errors"][0]["detail"]


def test_addresses_are_private_even_from_admins(app: Flask) -> None:
    customer = sign_up(app)
    address = customer.post("/addresses", LONDON).json["id"]
    for other in (sign_up(app), sign_up(app, "admin")):
        other.get(f"/addresses/{address}", status=404)
        other.patch(f"/addresses/{address}", {"name": "Mine"}, status=404)
        assert other.get("/addresses").json["data"] == []
    assert customer.patch(f"/addresses/{address}", {"postal_code": "EC1Y 8SY"}).json["postal_code"] == "EC1Y 8SY"
    customer.patch(f"/addresses/{address}", {"country_code": "US"}, status=422)


def test_a_customer_has_a_limited_number_of_addresses(app: Flask) -> None:
    customer = sign_up(app)
    for _ in range(MAX_ADDRESSES):
        customer.post("/addresses", LONDON)
    customer.post("/addresses", LONDON, status=409)


def test_the_monthly_limit_counts_orders_that_are_not_cancelled(app: Flask) -> None:
    vendor, admin, customer = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up(app)
    product = create_product(vendor, "40.00", type="digital")
    limit = f"/customers/{customer.user_id}/purchase-limit"
    assert customer.get("/me/purchase-limit").json["monthly_limit"] == "10000.00"
    assert admin.put(limit, {"monthly_limit": "100.00"}).json == {
        "monthly_limit": "100.00",
        "spent": "0.00",
        "left": "100.00",
    }
    first = place_order(customer, None, (product, 2))
    problem = place_order(customer, None, (product, 1), status=409)
    assert problem["detail"] == "The order total is 40.00, but only 20.00 of the monthly limit of 100.00 is left."
    customer.put(f"/orders/{first['id']}/cancellation")
    assert customer.get("/me/purchase-limit").json["left"] == "100.00"
    second = place_order(customer, None, (product, 2))
    Order.update(created_at=now() - timedelta(days=32)).where(Order.id == second["id"]).execute()
    place_order(customer, None, (product, 2))
    assert admin.put(limit, {"monthly_limit": None}).json["monthly_limit"] == "10000.00"


def test_only_admins_set_limits_and_only_of_existing_users(app: Flask) -> None:
    admin, customer = sign_up(app, "admin"), sign_up(app)
    customer.put(f"/customers/{customer.user_id}/purchase-limit", {"monthly_limit": "1.00"}, status=403)
    customer.get(f"/customers/{customer.user_id}/purchase-limit", status=403)
    nobody = "/customers/01890000-0000-7000-8000-000000000000/purchase-limit"
    admin.put(nobody, {"monthly_limit": "1.00"}, status=404)
    admin.get(nobody, status=404)
    admin.put(f"/customers/{customer.user_id}/purchase-limit", {"monthly_limit": "-1.00"}, status=422)
