"""Things to buy and people who buy, for the tests of the shop."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.helpers.caller import Caller, sign_up

LONDON = {
    "name": "Ada Lovelace",
    "street_address": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4LB",
    "country_code": "GB",
}


def offer(vendor: Caller, price: str = "20.00", *, type: str = "physical", **values: Any) -> dict[str, Any]:
    """Return a new product of the vendor; a physical one has a stock of 10 unless another is given."""
    stock = {"stock": 10} if type == "physical" else {}
    return vendor.post("/products", {"type": type, "name": "Kettle", "price": price, **stock, **values}).json


def settle(customer: Caller) -> str:
    """Give the customer an address and return its id."""
    return customer.post("/addresses", LONDON).json["id"]


def buyer(app: Flask) -> tuple[Caller, str]:
    """Return a new customer and the id of their address."""
    customer = sign_up(app)
    return customer, settle(customer)


def order(
    customer: Caller, address_id: str | None, *wishes: tuple[dict[str, Any], int], status: int = 201
) -> dict[str, Any]:
    """Order so many of each product; return the order, or the problem if another status is expected."""
    items = [{"product_id": product["id"], "quantity": quantity} for product, quantity in wishes]
    return customer.post("/orders", {"items": items, "address_id": address_id}, status=status).json


def move(admin: Caller, placed: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """Move an order through these statuses; return it as it is then."""
    for each in statuses:
        placed = admin.put(f"/orders/{placed['id']}/status", {"status": each}).json
    return placed
