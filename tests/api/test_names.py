"""Names and slugs of tags, categories, product categories and products."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.helpers.caller import Caller, anonymous, sign_up

NAMED = ("/tags", "/categories", "/product-categories")
SLUGGED = (*NAMED, "/products")
PRODUCT = {"type": "digital", "price": "1.00"}


def body(path: str, name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, **(PRODUCT if path == "/products" else {}), **values}


def create(caller: Caller, path: str, name: str, **values: Any) -> dict[str, Any]:
    return caller.post(path, body(path, name, **values)).json


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin", "vendor")


@pytest.mark.parametrize("path", NAMED)
def test_names_that_differ_in_a_sign_have_different_slugs(admin: Caller, path: str) -> None:
    slugs = [create(admin, path, name)["slug"] for name in ("C", "C++", "C#", ".NET")]
    assert slugs == ["c", "c-plus-plus", "c-sharp", "net"]
    assert create(admin, path, "(C)")["slug"].startswith("c-")


@pytest.mark.parametrize("path", SLUGGED)
def test_a_name_without_a_letter_or_digit_needs_a_slug(admin: Caller, path: str) -> None:
    assert pointers(admin.post(path, body(path, "!!!"), status=422).json) == ["/name"]
    made = create(admin, path, "!!!", slug="chk-chk-chk")
    assert admin.get(f"{path}/chk-chk-chk").json["id"] == made["id"]
    assert admin.put(f"{path}/chk-chk-chk", body(path, "???")).json["slug"] == "chk-chk-chk"


@pytest.mark.parametrize("path", NAMED)
def test_a_name_is_taken_whatever_its_case(admin: Caller, path: str) -> None:
    create(admin, path, "Textiles", slug="cloth")
    other = create(admin, path, "Other")
    for name in ("Textiles", "tEXTILES", " textiles "):
        assert pointers(admin.post(path, {"name": name}, status=409).json) == ["/name"]
        assert pointers(admin.patch(f"{path}/{other['id']}", {"name": name}, status=409).json) == ["/name"]
    assert admin.patch(f"{path}/cloth", {"name": "TEXTILES"}).json["slug"] == "cloth"


@pytest.mark.parametrize("path", SLUGGED)
def test_a_slug_can_be_given_and_changed_and_what_conflicts_is_named(admin: Caller, path: str) -> None:
    tea = create(admin, path, "Good tea", slug="tea")
    assert pointers(admin.post(path, body(path, "Another tea", slug="tea"), status=409).json) == ["/slug"]
    milk = create(admin, path, "Milk")
    assert pointers(admin.patch(f"{path}/milk", {"slug": "tea"}, status=409).json) == ["/slug"]
    assert admin.patch(f"{path}/milk", {"slug": "cream"}).json["slug"] == "cream"
    assert admin.patch(f"{path}/cream", {"name": "Cream"}).json["slug"] == "cream"
    assert admin.patch(f"{path}/cream", {"slug": None}).json["slug"] == "cream"
    assert anonymous(admin.app).get(f"{path}/cream").json["id"] == milk["id"]
    anonymous(admin.app).get(f"{path}/milk", status=404)
    for slug in ("Tea", "a b", "", tea["id"]):
        assert set(pointers(admin.post(path, body(path, "More", slug=slug), status=422).json)) == {"/slug"}


def test_products_of_the_same_name_get_different_slugs(admin: Caller) -> None:
    assert len({create(admin, "/products", "Kettle")["slug"] for _ in range(3)}) == 3


@pytest.mark.parametrize("path", NAMED)
def test_of_concurrent_creations_of_a_name_one_succeeds(admin: Caller, path: str) -> None:
    attempts = [admin.deferred("POST", path, {"name": name}) for name in ("Tea", "tea", "TEA", "teA") * 4]
    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(lambda attempt: attempt(), attempts))
    assert statuses == [201] + [409] * 15
