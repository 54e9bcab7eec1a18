"""Account deletion in the shop, as the worker handles it."""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Flask

from blog_app.data import databases
from blog_app.development.local.process import wait_until
from blog_app.shop import checkout
from blog_app.shop.models import Address, Customer
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall, has_lock_waiters
from tests.helpers.worker import deliver_all


def delete_account(app: Flask, user: Caller) -> None:
    """Delete the user's account, and let the worker handle the event."""
    user.delete("/me")
    deliver_all(app)


def test_open_orders_of_a_deleted_user_are_cancelled_and_their_stock_released(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    first, second = create_product(vendor, stock=5), create_product(vendor, stock=5)
    pending = place_order(customer, address, (first, 2), (second, 1))
    processing = set_statuses(admin, place_order(customer, address, (first, 3)), "processing")
    shipped = set_statuses(admin, place_order(customer, address, (second, 2)), "processing", "shipped")
    delete_account(app, customer)
    states = [admin.get(f"/orders/{each['id']}").json["status"] for each in (pending, processing, shipped)]
    assert states == ["cancelled", "cancelled", "shipped"]
    assert [anonymous(app).get(f"/products/{each['id']}").json["available"] for each in (first, second)] == [5, 3]
    last = admin.get(f"/orders/{pending['id']}?include=changes").json["changes"][-1]
    assert (last["new"], last["changed_by"]) == ("cancelled", None)
    assert not Address.select().where(Address.user_id == customer.user_id).exists()
    customer.get("/me/orders", status=401)


def test_an_order_placed_while_its_customer_is_deleted_is_cancelled(app: Flask) -> None:
    vendor, admin, customer = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up(app)
    product = create_product(vendor, type="digital")
    delete_account(app, customer)
    with app.app_context(), databases.shop.atomic():
        items = [{"product_id": UUID(product["id"]), "quantity": 1}]
        late = checkout.place_order(UUID(customer.user_id), items, None)
    deliver_all(app)
    assert admin.get(f"/orders/{late.id}").json["status"] == "cancelled"


def test_products_of_a_deleted_vendor_are_off_sale(app: Flask) -> None:
    vendor, other = sign_up(app, "vendor"), sign_up(app, "vendor")
    create_product(vendor)
    kept = create_product(other)
    delete_account(app, vendor)
    assert [each["id"] for each in anonymous(app).get("/products").json["data"]] == [kept["id"]]


def test_a_customer_row_deleted_while_awaited_is_created_again(app: Flask) -> None:
    customer = uuid4()

    def lock() -> UUID:
        try:
            with databases.shop.atomic():
                return Customer.locked(customer).id
        finally:
            databases.shop.release()

    first = lock()
    with databases.shop.atomic():
        gone = Customer.locked(customer)
        late = BackgroundCall(lock)
        assert wait_until(lambda: has_lock_waiters(databases.accounts), TIMEOUT_SECONDS)
        gone.delete_instance()
    assert late.result() != first
