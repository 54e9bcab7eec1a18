"""Concurrent orders over HTTP, served by gunicorn."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from flask import Flask

from blog_app.development.local.stack import Stack
from tests.helpers.caller import API, Caller, anonymous, sign_up
from tests.helpers.shop import create_product, sign_up_customer
from tests.helpers.shop_invariants import require_invariants
from tests.helpers.web_server import gunicorn

CONNECTIONS = 40
ORDERS = 25


@pytest.fixture
def port(app: Flask, stack: Stack) -> Iterator[int]:
    """The port of gunicorn."""
    with gunicorn(stack) as web:
        yield web.port


def test_a_thousand_orders_for_the_last_item_over_http_sell_exactly_one(app: Flask, port: int) -> None:
    product = create_product(sign_up(app, "vendor"), stock=1)
    buyers = [sign_up_customer(app) for _ in range(CONNECTIONS)]

    def shop(who: tuple[Caller, str]) -> list[int]:
        caller, address = who
        body = json.dumps({"items": [{"product_id": product["id"], "quantity": 1}], "address_id": address})
        headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
        statuses = []
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            for _ in range(ORDERS):
                connection.request("POST", f"{API}/orders", body, headers)
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
        return statuses

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        statuses = Counter(status for each in pool.map(shop, buyers) for status in each)
    assert statuses == {201: 1, 409: CONNECTIONS * ORDERS - 1}
    assert anonymous(app).get(f"/products/{product['id']}").json["available"] == 0
    require_invariants()
