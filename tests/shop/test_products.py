"""Products: permissions, validation, pricing and stock rules."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.shop import search
from blog_app.shop.models import Order, Product
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer
from tests.helpers.shop_invariants import require_invariants


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


def test_a_deleted_product_is_gone_for_buyers_stays_in_orders_and_can_be_restored(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    product = create_product(vendor)
    order = place_order(customer, address, (product, 2))
    path = f"/products/{product['id']}"
    vendor.delete(path)
    for reader in (vendor, admin, customer):
        reader.get(path, status=404)
        assert reader.get("/products").json["data"] == []
    place_order(customer, address, (product, 1), status=422)
    (item,) = customer.get(f"/orders/{order['id']}?include=items").json["items"]
    assert (item["product_id"], item["name"], item["unit_price"]) == (product["id"], "Kettle", "20.00")
    (deleted,) = admin.get("/products?deleted=only").json["data"]
    assert (deleted["id"], deleted["reserved"]) == (product["id"], 2)
    vendor.get("/products?deleted=only", status=403)
    customer.put(f"/orders/{order['id']}/cancellation")
    vendor.put(f"{path}/restoration", status=403)
    assert admin.put(f"{path}/restoration").json["available"] == 10
    place_order(customer, address, (product, 1))
    require_invariants()


def test_only_a_deleted_product_that_was_never_ordered_is_deleted_permanently(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    ordered, other = create_product(vendor), create_product(vendor, name="Teapot")
    place_order(customer, address, (ordered, 1))
    admin.delete(f"/products/{other['id']}/remains", status=409)
    for product in (ordered, other):
        vendor.delete(f"/products/{product['id']}")
    assert "ordered" in admin.delete(f"/products/{ordered['id']}/remains", status=409).json["detail"]
    admin.delete(f"/products/{other['id']}/remains")
    admin.put(f"/products/{other['id']}/restoration", status=404)


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


def found(app: Flask, query: str) -> list[str]:
    return [product["name"] for product in anonymous(app).get(f"/products?{query}").json["data"]]


def test_products_are_found_by_words_of_the_name_first_then_of_the_description(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    create_product(vendor, name="Cast-iron kettle", description="Sings.")
    create_product(vendor, name="Descaler", description="For a kettle, and for two kettles.")
    create_product(vendor, name="Kettle of copper", active=False)
    assert found(app, "q=kettles") == ["Cast-iron kettle", "Descaler"]
    assert found(app, "q=kett*") == ["Cast-iron kettle"]
    assert found(app, "q=kettle%20-descaler") == ["Cast-iron kettle"]
    assert found(app, "q=kettle%20or%20sings&sort=name&limit=1&count=true") == ["Cast-iron kettle"]
    first = anonymous(app).get("/products?q=kettle&limit=1").json["page"]["next"]
    assert found(app, f"q=kettle&limit=1&cursor={first}") == ["Descaler"]
    assert found(app, "q=the") == []
    anonymous(app).get("/products?q=k*", status=400)
    anonymous(app).get("/products?sort=relevance", status=400)


def test_products_are_found_by_category_price_stock_and_keys_of_their_metadata(app: Flask) -> None:
    vendor, admin = sign_up(app, "vendor"), sign_up(app, "admin")
    teaware = admin.post("/product-categories", {"name": "Teaware"}).json["id"]
    red = {"colour": "red", "grams": 500, "sizes": ["s", "m"], "Länge in cm": 2.5, "new": True}
    create_product(vendor, "10.00", name="Red", category_id=teaware, metadata=red)
    create_product(vendor, "30.00", name="Blue", stock=0, metadata={"colour": "blue", "grams": "500"})
    assert found(app, "category=teaware") == ["Red"]
    assert found(app, "category[in]=teaware,none&price[lte]=10&available[gt]=0") == ["Red"]
    assert found(app, "price[gt]=10&stock=0") == ["Blue"]
    assert found(app, "metadata[colour]=red") == ["Red"]
    assert set(found(app, "metadata[grams]=500")) == {"Red", "Blue"}
    assert found(app, "metadata[sizes]=m&metadata[new]=true") == ["Red"]
    assert found(app, "metadata[L%C3%A4nge%20in%20cm]=2.5") == ["Red"]
    assert set(found(app, "or[0][metadata][colour]=blue&or[1][metadata][colour]=red")) == {"Red", "Blue"}
    assert found(app, "metadata[colour]=") == []
    for query in ("metadata=red", "metadata[]=red", "metadata[a]=x%00", "metadata[%00]=x", "price[colour]=red"):
        anonymous(app).get(f"/products?{query}", status=400)


def test_a_search_by_metadata_uses_the_index(app: Flask) -> None:
    with app.app_context(), databases.shop.atomic():
        databases.shop.execute_sql("SET LOCAL enable_seqscan = off")
        sql, values = Product.select(Product.id).where(search.FILTERS["metadata"].condition("grams", "5")).sql()
        plan = databases.shop.execute_sql(f"EXPLAIN {sql}", values).fetchall()
        assert "products_metadata" in str(plan)
        sql, values = search.SEARCH.filter(Product.select(), "kettle").select(Product.id).sql()
        assert "products_text" in str(databases.shop.execute_sql(f"EXPLAIN {sql}", values).fetchall())


def test_prices_and_totals_say_their_currency(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    product = create_product(vendor)
    order = place_order(customer, address, (product, 1))
    assert (product["currency"], order["currency"]) == ("EUR", "EUR")
    assert anonymous(app).get("/products?fields=price,currency").json["data"] == [{"price": "20.00", "currency": "EUR"}]


def test_an_order_keeps_the_currency_of_its_time_and_one_without_has_that_of_the_shop(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    path = f"/orders/{place_order(customer, address, (create_product(vendor), 1))['id']}"
    for stored, shown in (("CHF", "CHF"), (None, "EUR")):
        with app.app_context():
            Order.update(currency=stored).execute()
        assert customer.get(path).json["currency"] == shown


def test_a_category_finds_the_products_of_its_subtree_and_cannot_be_below_itself(app: Flask) -> None:
    vendor, admin = sign_up(app, "vendor"), sign_up(app, "admin")
    kitchen = admin.post("/product-categories", {"name": "Kitchen"}).json["id"]
    tea = admin.post("/product-categories", {"name": "Tea", "parent_id": kitchen}).json["id"]
    pots = admin.post("/product-categories", {"name": "Pots", "parent_id": tea}).json["id"]
    create_product(vendor, name="Teapot", category_id=pots)
    assert found(app, "category=kitchen") == found(app, "category=pots") == ["Teapot"]
    refused = admin.patch("/product-categories/kitchen", {"parent_id": pots}, status=422).json
    assert refused["errors"][0]["pointer"] == "/parent_id"
    admin.post("/product-categories", {"name": "Lost", "parent_id": vendor.user_id}, status=422)
    admin.delete("/product-categories/tea")
    assert admin.get("/product-categories/pots").json["parent_id"] == kitchen
    assert found(app, "category=kitchen") == ["Teapot"]
    admin.patch("/product-categories/pots", {"parent_id": None})
    assert found(app, "category=kitchen") == []
