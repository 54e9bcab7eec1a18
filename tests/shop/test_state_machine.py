"""Stateful property test of the shop: after any actions, the sums are right and stock covers reservations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from blog_app.shop.order_states import TRANSITIONS
from tests.conftest import empty_all_tables
from tests.helpers.caller import API, Caller, sign_up
from tests.helpers.shop import LONDON
from tests.helpers.shop_invariants import require_invariants

TYPES = ("physical", "digital", "subscription")
PRICES = st.decimals("0.00", "500.00", places=2).map(str)


class Shop(RuleBasedStateMachine):
    """A vendor, customers and an admin send valid and invalid requests; `states` is what orders must be."""

    app: ClassVar[Flask]
    products = Bundle("products")
    placed = Bundle("placed")

    @initialize()
    def open(self) -> None:
        empty_all_tables()
        self.vendor, self.admin = sign_up(self.app, "vendor"), sign_up(self.app, "admin")
        self.customers = [sign_up(self.app) for _ in range(2)]
        self.addresses = [customer.post("/addresses", LONDON).json["id"] for customer in self.customers]
        self.states: dict[str, dict[str, str]] = {}

    def send(self, caller: Caller, method: str, path: str, body: Any, *allowed: int) -> Any:
        """Send a request, whose status must be one of those allowed; return its JSON if it succeeded."""
        headers = {"Authorization": f"Bearer {caller.token}"}
        response = self.app.test_client().open(API + path, method=method, json=body, headers=headers)
        assert response.status_code in allowed, response.text
        return response.json if response.status_code < 300 else None

    @rule(target=products, kind=st.sampled_from(TYPES), price=PRICES, stock=st.integers(0, 8))
    def offer(self, kind: str, price: str, stock: int) -> str | None:
        body = {"type": kind, "name": "Thing", "price": price, "stock": stock if kind == "physical" else None}
        free = Decimal(price) == 0 and kind != "subscription"
        found = self.send(self.vendor, "POST", "/products", body, 422 if free else 201)
        return found and found["id"]

    @rule(product=products, stock=st.integers(0, 8))
    def restock(self, product: str | None, stock: int) -> None:
        if product:
            self.send(self.vendor, "PATCH", f"/products/{product}", {"stock": stock}, 200, 409, 422)

    @rule(product=products, price=PRICES, admin=st.booleans())
    def reprice(self, product: str | None, price: str, admin: bool) -> None:
        body = {"price": price, "override_price_limit": admin}
        if product:
            self.send(self.admin if admin else self.vendor, "PATCH", f"/products/{product}", body, 200, 422)

    @rule(
        target=placed,
        wishes=st.lists(st.tuples(products, st.integers(1, 4)), min_size=1, max_size=4, unique_by=lambda wish: wish[0]),
        who=st.integers(0, 1),
    )
    def order(self, wishes: list[tuple[str | None, int]], who: int) -> str | None:
        items = [{"product_id": product, "quantity": quantity} for product, quantity in wishes if product]
        body = {"items": items, "address_id": self.addresses[who]}
        found = self.send(self.customers[who], "POST", "/orders", body, 201, 409, *([] if items else [422]))
        if found:
            self.states[found["id"]] = {"status": "pending", "payment": "pending"}
        return found and found["id"]

    @rule(order=placed, step=st.sampled_from([(field, new) for field in TRANSITIONS for new in TRANSITIONS[field]]))
    def move(self, order: str | None, step: tuple[str, str]) -> None:
        field, new = step
        if order:
            legal = new in TRANSITIONS[field][self.states[order][field]]
            self.send(self.admin, "PUT", f"/orders/{order}/{field}", {field: new}, 200 if legal else 409)
            if legal:
                self.states[order][field] = new

    @rule(order=consumes(placed), who=st.integers(0, 1))
    def cancel(self, order: str | None, who: int) -> None:
        if order:
            legal = "cancelled" in TRANSITIONS["status"][self.states[order]["status"]]
            allowed = (200, 404) if legal else (409, 404)
            if self.send(self.customers[who], "PUT", f"/orders/{order}/cancellation", None, *allowed):
                self.states[order]["status"] = "cancelled"

    @invariant()
    def everything_adds_up(self) -> None:
        require_invariants()

    def teardown(self) -> None:
        """Compare every order with its expected state."""
        page = self.send(self.admin, "GET", "/orders?limit=100", None, 200)
        shown = {each["id"]: {"status": each["status"], "payment": each["payment"]} for each in page["data"]}
        assert shown == self.states


@pytest.mark.usefixtures("app")
def test_the_invariants_of_the_shop_hold_after_any_actions(migrated_app: Flask) -> None:
    Shop.app = migrated_app
    machine = Shop.TestCase
    machine.settings = settings(max_examples=15, stateful_step_count=25)
    machine().runTest()
