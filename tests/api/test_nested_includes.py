"""Includes of what is included, and the fields of both."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from flask import Flask

from blog_app.api.resources.nested_includes import include_paths
from blog_app.blog.schemas.posts import PostSchema
from blog_app.shop.schemas.orders import OrderSchema
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.shop import create_product, place_order, sign_up_customer
from tests.helpers.statements import captured_statements

ALL = "items.product,items.product.category,customer"


@pytest.fixture
def shop(app: Flask) -> tuple[Caller, list[dict[str, Any]]]:
    """An admin, and two orders: of a product with a category, and of that and one without."""
    admin, vendor = sign_up(app, "admin"), sign_up(app, "vendor")
    category = admin.post("/product-categories", {"name": "Teaware"}).json
    kettle = create_product(vendor, name="Kettle", category_id=category["id"])
    book = create_product(vendor, "1.00", type="digital", name="Book")
    customer, address = sign_up_customer(app)
    return admin, [
        place_order(customer, address, (kettle, 1)),
        place_order(customer, address, (kettle, 2), (book, 1)),
    ]


def test_a_path_includes_what_is_above_it(shop: tuple[Caller, list[dict[str, Any]]]) -> None:
    admin, (_, second) = shop
    shown = admin.get(f"/orders/{second['id']}?include={ALL}").json
    found = {item["product"]["name"]: item["product"]["category"] for item in shown["items"]}
    assert (found["Kettle"]["slug"], found["Book"], shown["customer"]["name"]) == ("teaware", None, "Somebody")
    assert "stock" not in shown["items"][0]["product"]
    listed = admin.get(f"/orders?include={ALL}").json["data"]
    assert listed[0] == shown
    assert [len(order["items"]) for order in listed] == [2, 1]


def test_each_level_takes_at_most_one_statement_more(shop: tuple[Caller, list[dict[str, Any]]]) -> None:
    admin, (first, _) = shop
    admin.get("/orders")  # From here on the process knows the token.
    for path in ("/orders", f"/orders/{first['id']}"):
        sent: list[int] = []
        for includes in ("items", "items.product", "items.product.category", ALL):
            with captured_statements() as statements:
                admin.get(f"{path}?include={includes}")
            sent.append(len(statements))
        assert [after - before for before, after in pairwise(sent)] == [1, 1, 1]


def test_included_objects_are_shown_with_the_fields_that_are_asked_for(
    shop: tuple[Caller, list[dict[str, Any]]],
) -> None:
    admin, (first, _) = shop
    query = f"include={ALL}&fields=id&fields[items]=quantity&fields[items.product]=name&fields[customer]=name"
    (item,) = admin.get(f"/orders/{first['id']}?{query}").json["items"]
    assert set(item) == {"quantity", "product"}
    assert set(item["product"]) == {"name", "category"}
    for order in admin.get(f"/orders?{query}").json["data"]:
        assert set(order) == {"id", "items", "customer"}
        assert order["customer"] == {"name": "Somebody"}
    only_last = admin.get(f"/orders?include={ALL}&fields[items.product.category]=name").json["data"]
    assert only_last[0]["items"][0]["product"]["category"] in ({"name": "Teaware"}, None)


def test_a_change_below_is_in_the_next_response(app: Flask) -> None:
    editor = sign_up(app, "editor")
    kitchen = editor.post("/categories", {"name": "Kitchen"}).json
    tea = editor.post("/categories", {"name": "Tea", "parent_id": kitchen["id"]}).json
    post = write_post(editor, category_id=tea["id"])
    editor.post(f"/posts/{post['id']}/comments", {"content": "Ah!"})
    query = "include=category.parent,comments.author&fields=title&fields[category.parent]=name"
    reader = anonymous(app)
    for name in ("Kitchen", "Scullery", "Pantry"):
        editor.patch(f"/categories/{kitchen['id']}", {"name": name})
        for _ in range(3):
            (shown,) = reader.get(f"/posts?{query}").json["data"]
            assert shown["category"]["parent"] == {"name": name}
            assert shown["comments"][0]["author"]["name"] == "Somebody"
            assert reader.get(f"/posts/{post['id']}?{query}").json == shown


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("include=items.nonsense", "include"),
        ("include=items.product.category.parent", "include"),
        ("include=items.", "include"),
        ("fields[items]=name", "fields[items]"),
        ("include=items&fields[items]=price", "fields[items]"),
        ("include=items&fields[]=name", "fields[]"),
        ("include=items&fields[items]=name&fields[items]=name", "fields[items]"),
    ],
)
def test_an_unknown_path_or_field_is_named(app: Flask, query: str, named: str) -> None:
    problem = sign_up(app, "admin").get(f"/orders?{query}", status=400).json
    assert [error["parameter"] for error in problem["errors"]] == [named]


def test_paths_end_where_nothing_can_be_included() -> None:
    assert [path for path in include_paths(OrderSchema) if "." in path] == ["items.product", "items.product.category"]
    assert {path for path in include_paths(PostSchema) if "." in path} == {"category.parent", "comments.author"}
