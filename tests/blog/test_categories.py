"""Categories: a tree without cycles, also under concurrent moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up


def create(editor: Caller, name: str, parent: dict | None = None) -> dict:
    return editor.post("/categories", {"name": name, "parent_id": parent["id"] if parent else None}).json


def test_a_category_can_have_a_parent(app: Flask) -> None:
    editor = sign_up(app, "editor")
    kitchen = create(editor, "Kitchen")
    tea = create(editor, "Tea", kitchen)
    shown = anonymous(app).get("/categories/tea?include=parent").json
    assert (shown["parent_id"], shown["parent"]["slug"]) == (kitchen["id"], "kitchen")
    listed = anonymous(app).get(f"/categories?parent_id={kitchen['id']}").json["data"]
    assert [each["id"] for each in listed] == [tea["id"]]
    assert [each["id"] for each in anonymous(app).get("/categories?parent_id[is_null]=true").json["data"]] == [
        kitchen["id"]
    ]


@pytest.mark.parametrize("below", ["Kitchen", "Tea", "Green tea"])
def test_a_category_cannot_be_moved_below_itself(app: Flask, below: str) -> None:
    editor = sign_up(app, "editor")
    kitchen = create(editor, "Kitchen")
    tea = create(editor, "Tea", kitchen)
    green = create(editor, "Green tea", tea)
    target = {each["name"]: each["id"] for each in (kitchen, tea, green)}[below]
    problem = editor.patch("/categories/kitchen", {"parent_id": target}, status=422).json
    assert problem["errors"][0]["pointer"] == "/parent_id"


def test_an_unknown_parent_is_reported_by_its_pointer(app: Flask) -> None:
    editor = sign_up(app, "editor")
    body = {"name": "Tea", "parent_id": "00000000-0000-7000-8000-000000000000"}
    assert editor.post("/categories", body, status=422).json["errors"][0]["pointer"] == "/parent_id"
    create(editor, "Tea")
    assert editor.patch("/categories/tea", body, status=422).json["errors"][0]["pointer"] == "/parent_id"


def test_concurrent_moves_create_no_cycle(app: Flask) -> None:
    editor = sign_up(app, "editor")
    ring = [create(editor, f"Category {number}") for number in range(4)]
    header = {"Authorization": f"Bearer {editor.token}"}

    def move(number: int) -> int:
        body = {"parent_id": ring[(number + 1) % len(ring)]["id"]}
        path = f"/api/v1/categories/{ring[number % len(ring)]['id']}"
        return app.test_client().patch(path, json=body, headers=header).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(move, range(40)))
    assert set(statuses) == {200, 422}
    parents = {each["id"]: each["parent_id"] for each in anonymous(app).get("/categories").json["data"]}
    assert sum(parent is None for parent in parents.values()) == 1  # All in one line, none in a circle.


def slugs(caller: Caller, query: str = "") -> set[str]:
    return {each["slug"] for each in caller.get(f"/categories{query}").json["data"]}


def test_a_deleted_category_is_hidden_with_its_subtree_and_restored_with_it(app: Flask) -> None:
    editor, reader = sign_up(app, "editor"), anonymous(app)
    kitchen = create(editor, "Kitchen")
    tea = create(editor, "Tea", kitchen)
    create(editor, "Green tea", tea)
    post = write_post(editor, category_id=tea["id"])
    paths = (f"/posts/{post['id']}?include=category", "/posts?include=category", "/statistics/categories")

    def shown() -> list[int]:
        lists = (reader.get(path).json for path in paths for _ in range(3))  # Also from the cache.
        feeds = (app.test_client().get("/feeds/feed.json").text for _ in range(3))
        return [str(found).count("Tea") for found in (*lists, *feeds)]

    assert set(shown()) == {1}
    assert [slugs(reader) for _ in range(3)] == [{"kitchen", "tea", "green-tea"}] * 3
    editor.delete("/categories/tea")
    assert set(shown()) == {0}
    assert [slugs(reader) for _ in range(3)] == [{"kitchen"}] * 3
    for hidden in ("tea", "green-tea"):
        editor.get(f"/categories/{hidden}", status=404)
        assert app.test_client().get(f"/feeds/categories/{hidden}/feed.json").status_code == 404
    for category in ("kitchen", "tea"):
        assert reader.get(f"/posts?category={category}").json["data"] == []
    assert slugs(editor, "?deleted=only") == {"tea", "green-tea"}
    assert slugs(editor, "?deleted=with") == {"kitchen", "tea", "green-tea"}
    reader.get("/categories?deleted=only", status=403)
    assert editor.patch(f"/posts/{post['id']}", {"title": "Another"}).json["category_id"] == tea["id"]
    for _ in range(2):
        assert editor.put("/categories/tea/restoration").json["slug"] == "tea"
    assert set(shown()) == {1}
    assert slugs(reader) == {"kitchen", "tea", "green-tea"}
    assert len(reader.get("/posts?category=kitchen").json["data"]) == 1


def test_what_was_deleted_before_its_parent_stays_deleted(app: Flask) -> None:
    editor = sign_up(app, "editor")
    kitchen = create(editor, "Kitchen")
    create(editor, "Green tea", create(editor, "Tea", kitchen))
    editor.delete("/categories/green-tea")
    editor.delete("/categories/kitchen")
    for child in ("tea", "green-tea"):
        assert "parent" in editor.put(f"/categories/{child}/restoration", status=409).json["detail"]
    editor.put("/categories/kitchen/restoration")
    assert slugs(editor) == {"kitchen", "tea"}
    editor.put("/categories/green-tea/restoration")
    assert slugs(editor) == {"kitchen", "tea", "green-tea"}


def test_nothing_is_put_into_a_deleted_category_and_its_name_stays_reserved(app: Flask) -> None:
    editor = sign_up(app, "editor")
    gone = create(editor, "Tea")["id"]
    create(editor, "Kitchen")
    post = write_post(editor)
    editor.delete("/categories/tea")
    bodies = {"/categories": {"name": "Green tea"}, "/posts": {"title": "Tea", "content": "Boil."}}
    for path, body in bodies.items():
        field = "parent_id" if path == "/categories" else "category_id"
        assert editor.post(path, body | {field: gone}, status=422).json["errors"][0]["pointer"] == f"/{field}"
    editor.patch("/categories/kitchen", {"parent_id": gone}, status=422)
    editor.patch(f"/posts/{post['id']}", {"category_id": gone}, status=422)
    editor.post("/categories", {"name": "tea"}, status=409)


def test_permanently_deleting_a_category_moves_its_children_up_and_keeps_its_posts(app: Flask) -> None:
    editor, admin = sign_up(app, "editor"), sign_up(app, "admin")
    kitchen = create(editor, "Kitchen")
    tea = create(editor, "Tea", kitchen)
    create(editor, "Green tea", tea)
    post = write_post(editor, category_id=tea["id"])
    admin.delete("/categories/tea/remains", status=409)
    editor.delete("/categories/tea")
    editor.delete("/categories/tea/remains", status=403)
    admin.delete("/categories/tea/remains")
    editor.put("/categories/tea/restoration", status=404)
    editor.put("/categories/green-tea/restoration")
    assert anonymous(app).get("/categories/green-tea").json["parent_id"] == kitchen["id"]
    assert anonymous(app).get(f"/posts/{post['id']}").json["category_id"] is None


def test_the_category_filter_includes_subcategories(app: Flask) -> None:
    editor = sign_up(app, "editor")
    kitchen = create(editor, "Kitchen")
    tea = create(editor, "Tea", kitchen)
    garden = create(editor, "Garden")
    posts = [write_post(editor, category_id=each["id"])["id"] for each in (kitchen, tea, garden)]
    found = anonymous(app).get("/posts?category=kitchen").json["data"]
    assert {post["id"] for post in found} == set(posts[:2])
    assert len(anonymous(app).get("/posts?category[in]=tea,garden").json["data"]) == 2
    assert anonymous(app).get("/posts?category=cellar").json["data"] == []


def test_a_duplicate_category_name_is_a_conflict(app: Flask) -> None:
    editor = sign_up(app, "editor")
    create(editor, "Tea")
    assert editor.post("/categories", {"name": "tea"}, status=409).json["errors"][0]["pointer"] == "/name"
