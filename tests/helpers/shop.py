"""Creating products, customers and orders, for tests."""

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


def create_product(vendor: Caller, price: str = "20.00", *, type: str = "physical", **values: Any) -> dict[str, Any]:
    """Create a product of the vendor; a physical one has a stock of 10 by default."""
    stock = {"stock": 10} if type == "physical" else {}
    return vendor.post("/products", {"type": type, "name": "Kettle", "price": price, **stock, **values}).json


def create_address(customer: Caller) -> str:
    """Add an address of the customer and return its id."""
    return customer.post("/addresses", LONDON).json["id"]


def sign_up_customer(app: Flask) -> tuple[Caller, str]:
    """Return a new customer and the id of their address."""
    customer = sign_up(app)
    return customer, create_address(customer)


def place_order(
    customer: Caller, address_id: str | None, *items_wanted: tuple[dict[str, Any], int], status: int = 201
) -> dict[str, Any]:
    """Order these quantities of products; return the order, or the problem if another status is expected."""
    items = [{"product_id": product["id"], "quantity": quantity} for product, quantity in items_wanted]
    return customer.post("/orders", {"items": items, "address_id": address_id}, status=status).json


def set_statuses(admin: Caller, placed: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """Set an order to these statuses, one after the other; return the order."""
    for each in statuses:
        placed = admin.put(f"/orders/{placed['id']}/status", {"status": each}).json
    return placed
