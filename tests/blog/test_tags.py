"""Tags and the posts that have them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up


def found(app: Flask, words: str) -> set[str]:
    return {post["title"] for post in anonymous(app).get(f"/posts?q={words}").json["data"]}


def test_posts_are_found_by_tag(app: Flask) -> None:
    editor = sign_up(app, "editor")
    for name in ("Tea", "Milk"):
        editor.post("/tags", {"name": name})
    write_post(editor, "Both", tags=["tea", "milk"])
    write_post(editor, "Tea only", tags=["tea"])
    write_post(editor, "None")
    assert [post["title"] for post in anonymous(app).get("/posts?tag=tea").json["data"]] == ["Tea only", "Both"]
    assert [post["title"] for post in anonymous(app).get("/posts?tag=milk").json["data"]] == ["Both"]
    assert len(anonymous(app).get("/posts?tag[in]=tea,milk").json["data"]) == 2
    assert anonymous(app).get("/posts?tag=coffee").json["data"] == []


def test_an_unknown_tag_is_reported_by_its_pointer(app: Flask) -> None:
    editor = sign_up(app, "editor")
    editor.post("/tags", {"name": "Tea"})
    body = {"title": "Tea", "content": "Boil.", "tags": ["tea", "nonsense"]}
    assert [error["pointer"] for error in editor.post("/posts", body, status=422).json["errors"]] == ["/tags/1"]


def test_search_finds_a_renamed_tag_by_its_new_name(app: Flask) -> None:
    editor = sign_up(app, "editor")
    editor.post("/tags", {"name": "Oolong"})
    write_post(editor, "Leaves", tags=["oolong"])
    assert found(app, "oolong") == {"Leaves"}
    editor.patch("/tags/oolong", {"name": "Darjeeling"})
    assert (found(app, "oolong"), found(app, "darjeeling")) == (set(), {"Leaves"})
    editor.delete("/tags/oolong")
    assert found(app, "darjeeling") == set()


def test_a_tag_can_be_renamed_while_posts_get_it(app: Flask) -> None:
    editor = sign_up(app, "editor")
    editor.post("/tags", {"name": "Name 0"})
    posts = [write_post(editor, f"Post {number}")["id"] for number in range(8)]

    def rename_or_take(number: int) -> None:
        if number % 3 == 0:
            editor.patch("/tags/name-0", {"name": f"Name {number}"})
        else:
            editor.patch(f"/posts/{posts[number % 8]}", {"tags": ["name-0"] if number % 2 else []})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(rename_or_take, range(60)))
    editor.patch("/tags/name-0", {"name": "Zanzibar"})
    tagged = {post["title"] for post in anonymous(app).get("/posts?tag=name-0").json["data"]}
    assert found(app, "zanzibar") == tagged
