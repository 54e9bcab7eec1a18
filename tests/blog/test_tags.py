"""Tags and the posts that have them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from blog_app.blog.models import Post, Tag
from blog_app.data import databases
from blog_app.development.local.process import wait_until
from blog_app.errors import Invalid
from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall


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


def tags_of(app: Flask, post: dict) -> list[str]:
    return sorted(tag["name"] for tag in anonymous(app).get(f"/posts/{post['id']}?include=tags").json["tags"])


def test_posts_name_tags_by_slug_or_name_and_bring_new_ones_along(app: Flask) -> None:
    author = sign_up(app, "author")
    sign_up(app, "editor").post("/tags", {"name": "Green tea"})
    post = write_post(author, tags=["GREEN TEA", "green-tea", "C++", "c++"])
    assert tags_of(app, post) == ["C++", "Green tea"]
    assert anonymous(app).get("/tags/c-plus-plus").json["name"] == "C++"
    assert found(app, "green") == {post["title"]}
    author.patch(f"/posts/{post['id']}", {"tags": ["c-plus-plus", "Milk", "(C++)"]})
    assert tags_of(app, post) == ["(C++)", "C++", "Milk"]
    assert len(anonymous(app).get("/tags").json["data"]) == 4


def test_tags_that_cannot_be_made_are_reported_by_their_pointers(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "Tea", "content": "Boil.", "tags": ["tea", "!!!", "x" * 51]}
    errors = author.post("/posts", body, status=422).json["errors"]
    assert [error["pointer"] for error in errors] == ["/tags/1", "/tags/2"]
    assert anonymous(app).get("/tags").json["data"] == []


def test_who_may_not_create_tags_is_told_which_do_not_exist(app: Flask) -> None:
    sign_up(app, "editor").post("/tags", {"name": "Tea"})
    with app.app_context(), pytest.raises(Invalid) as caught:
        Tag.find(["milk", "tea", "cream"])
    assert [error["pointer"] for error in caught.value.errors or ()] == ["/tags/2", "/tags/0"]


def test_concurrent_posts_with_new_tags_share_them(app: Flask) -> None:
    authors = [sign_up(app, "author") for _ in range(4)]
    names = [f"New {number}" for number in range(6)]

    def write(number: int) -> dict:
        return write_post(authors[number % 4], tags=names if number % 2 else names[::-1])

    with ThreadPoolExecutor(8) as threads:
        posts = list(threads.map(write, range(24)))
    assert len(anonymous(app).get("/tags").json["data"]) == len(names)
    assert {tuple(tags_of(app, post)) for post in posts} == {tuple(names)}


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


def test_a_tag_is_not_renamed_to_one_that_an_edit_of_its_post_makes(app: Flask) -> None:
    editor = sign_up(app, "editor")
    post = write_post(editor, tags=["Tea"])["id"]

    def lock_waiters() -> int:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return len(databases.accounts.execute_sql(waiting).fetchall())

    with databases.blog.atomic():
        Post.select().where(Post.id == post).for_update().get()
        edit = BackgroundCall(lambda: editor.patch(f"/posts/{post}", {"tags": ["tea", "Milk"]}))
        assert wait_until(lambda: lock_waiters() == 1, TIMEOUT_SECONDS)
        rename = BackgroundCall(lambda: editor.patch("/tags/tea", {"name": "Milk"}, status=409))
        assert wait_until(lambda: lock_waiters() == 2, TIMEOUT_SECONDS)
    edit.result()
    rename.result()
