"""Products: permissions, validation, pricing and stock rules."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.helpers.caller import anonymous, sign_up
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer


def test_vendors_create_products_which_are_found_by_id_and_slug(app: Flask) -> None:
    sign_up(app).post("/products", {"type": "digital", "name": "Book", "price": "1.00"}, status=403)
    product = create_product(sign_up(app, "vendor"), "12.50", name="Cast-iron kettle", metadata={"litres": 2})
    found = anonymous(app).get("/products/cast-iron-kettle").json
    assert found == anonymous(app).get(f"/products/{product['id']}").json
    assert (found["price"], found["stock"], found["available"]) == ("12.50", 10, 10)


def test_a_product_off_sale_is_visible_to_its_vendor_and_admins_only(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    product = create_product(vendor, active=False)
    for caller, status in ((vendor, 200), (sign_up(app, "admin"), 200), (sign_up(app, "vendor"), 404)):
        caller.get(f"/products/{product['id']}", status=status)
    assert anonymous(app).get("/products").json["data"] == []


def test_nobody_changes_the_product_of_another_vendor(app: Flask) -> None:
    product = create_product(sign_up(app, "vendor"))
    sign_up(app, "vendor").patch(f"/products/{product['id']}", {"name": "Mine now"}, status=403)
    sign_up(app, "vendor").delete(f"/products/{product['id']}", status=403)
    sign_up(app, "admin").patch(f"/products/{product['id']}", {"name": "A better name"})


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"price": "0.00"}, "/price"),
        ({"price": "-1.00"}, "/price"),
        ({"price": "1.001"}, "/price"),
        ({"price": "NaN"}, "/price"),
        ({"price": "Infinity"}, "/price"),
        ({"price": "1e999999"}, "/price"),
        ({"price": "1e3"}, "/price"),
        ({"price": "1_000"}, "/price"),
        ({"price": "\uff11\uff12"}, "/price"),
        ({"price": " 12.50"}, "/price"),
        ({"price": True}, "/price"),
        ({"price": "10000000.00"}, "/price"),
        ({"name": "ab"}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"type": "used"}, "/type"),
        ({"stock": None}, "/stock"),
        ({"stock": -1}, "/stock"),
        ({"stock": 1.5}, "/stock"),
        ({"type": "digital"}, "/stock"),
        ({"type": "subscription"}, "/stock"),
        ({"category_id": "01890000-0000-7000-8000-000000000000"}, "/category_id"),
        ({"metadata": {"a": "\x00"}}, "/metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "/metadata"),
        ({"reserved": 3}, "/reserved"),
    ],
)
def test_invalid_product_values_are_refused(app: Flask, values: dict, pointer: str) -> None:
    body = {"type": "physical", "name": "Kettle", "price": "20.00", "stock": 1, **values}
    errors = sign_up(app, "vendor").post("/products", body, status=422).json["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


def test_a_subscription_may_be_free_and_a_digital_product_may_not(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    create_product(vendor, "0.00", type="subscription")
    vendor.post("/products", {"type": "digital", "name": "Book", "price": "0.00"}, status=422)


@pytest.mark.parametrize(("kind", "allowed", "refused"), [
    ("physical", "105.00", "105.01"),
    ("physical", "95.00", "94.99"),
    ("digital", "95.00", "105.01"),
    ("subscription", "110.00", "110.01"),
    ("subscription", "90.00", "89.99"),
])  # fmt: skip
def test_a_price_change_is_limited_unless_an_admin_overrides_it(
    app: Flask, kind: str, allowed: str, refused: str
) -> None:
    vendor, admin = sign_up(app, "vendor"), sign_up(app, "admin")
    path = f"/products/{create_product(vendor, '100.00', type=kind)['id']}"
    problem = vendor.patch(path, {"price": refused}, status=422).json
    assert "100.00" in problem["errors"][0]["detail"]
    vendor.patch(path, {"price": refused, "override_price_limit": True}, status=403)
    admin.patch(path, {"price": refused}, status=422)
    assert vendor.patch(path, {"price": allowed}).json["price"] == allowed
    assert admin.patch(path, {"price": "300.00", "override_price_limit": True}).json["price"] == "300.00"


def test_the_type_of_a_product_cannot_be_changed(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    product = create_product(vendor, type="digital")
    vendor.patch(f"/products/{product['id']}", {"type": "subscription"}, status=422)


def test_the_stock_cannot_be_less_than_what_orders_reserve(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor, stock=5)
    place_order(customer, address, (product, 3))
    path = f"/products/{product['id']}"
    problem = vendor.patch(path, {"stock": 2}, status=409).json
    assert problem["errors"] == [{"pointer": "/stock", "detail": "Must be at least 3."}]
    assert vendor.patch(path, {"stock": 3}).json["available"] == 0


def test_a_reservation_leaves_the_etag_and_a_shipment_changes_it(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    product = create_product(vendor)
    path = f"/products/{product['id']}"
    tag = vendor.get(path).headers["ETag"]
    placed = place_order(customer, address, (product, 1))
    tag = vendor.patch(path, {"description": "Boils."}, **{"If-Match": tag}).headers["ETag"]
    set_statuses(admin, placed, "processing", "shipped")
    vendor.patch(path, {"stock": 10}, status=412, **{"If-Match": tag})


def test_an_ordered_product_cannot_be_deleted_but_taken_off_sale(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product, other = create_product(vendor), create_product(vendor)
    place_order(customer, address, (product, 1))
    assert "active" in vendor.delete(f"/products/{product['id']}", status=409).json["detail"]
    vendor.patch(f"/products/{product['id']}", {"active": False})
    vendor.delete(f"/products/{other['id']}")
    assert place_order(customer, address, (product, 1), status=422)["errors"][0]["pointer"] == "/items/0/product_id"


def test_products_are_filtered_by_price_type_and_category(app: Flask) -> None:
    vendor, admin = sign_up(app, "vendor"), sign_up(app, "admin")
    category = admin.post("/product-categories", {"name": "Teaware"}).json
    cheap = create_product(vendor, "49.99")
    dear = create_product(vendor, "50.00", category_id=category["id"])

    def ids(query: str) -> list[str]:
        return [each["id"] for each in anonymous(app).get(f"/products?{query}").json["data"]]

    assert ids("price[gte]=50&price[lt]=100&type=physical") == [dear["id"]]
    assert ids("sort=price") == [cheap["id"], dear["id"]]
    page = anonymous(app).get("/products?sort=price&limit=1").json
    assert [
        each["id"] for each in anonymous(app).get(f"/products?sort=price&cursor={page['page']['next']}").json["data"]
    ] == [dear["id"]]
    found = anonymous(app).get(f"/products/{dear['id']}?include=category,vendor").json
    assert (found["category"]["slug"], found["vendor"]["name"]) == ("teaware", "Somebody")
    admin.delete("/product-categories/teaware")
    assert anonymous(app).get(f"/products/{dear['id']}").json["category_id"] is None
