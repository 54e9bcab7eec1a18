"""What the shop does when a user leaves, as the worker does it."""

from __future__ import annotations

import threading

from flask import Flask

from blog_app import worker
from blog_app.pauses import Rests
from blog_app.shop.models import Address
from tests.api import Caller, sign_up, stranger
from tests.shop.shopping import buyer, move, offer, order


def leave(app: Flask, user: Caller) -> None:
    """Let the user close their account, and the worker do its work."""
    user.delete("/me")
    rests = Rests()
    while worker.deliver_due(app, rests, threading.Event()):
        pass


def test_open_orders_of_a_user_who_left_are_cancelled_and_their_stock_returns(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), buyer(app)
    first, second = offer(vendor, stock=5), offer(vendor, stock=5)
    pending = order(customer, address, (first, 2), (second, 1))
    processing = move(admin, order(customer, address, (first, 3)), "processing")
    shipped = move(admin, order(customer, address, (second, 2)), "processing", "shipped")
    leave(app, customer)
    states = [admin.get(f"/orders/{each['id']}").json["status"] for each in (pending, processing, shipped)]
    assert states == ["cancelled", "cancelled", "shipped"]
    assert [stranger(app).get(f"/products/{each['id']}").json["available"] for each in (first, second)] == [5, 3]
    last = admin.get(f"/orders/{pending['id']}?include=changes").json["changes"][-1]
    assert (last["new"], last["changed_by"]) == ("cancelled", None)
    assert not Address.select().where(Address.user_id == customer.user_id).exists()
    customer.get("/me/orders", status=401)


def test_what_a_vendor_who_left_was_selling_is_off_sale(app: Flask) -> None:
    vendor, other = sign_up(app, "vendor"), sign_up(app, "vendor")
    offer(vendor)
    kept = offer(other)
    leave(app, vendor)
    assert [each["id"] for each in stranger(app).get("/products").json["data"]] == [kept["id"]]
