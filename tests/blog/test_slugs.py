"""Slugs of posts: unique under concurrency, and redirects from former ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up

TRIES = 200
THREADS = 16


def test_concurrent_posts_with_the_same_title_get_different_slugs(app: Flask) -> None:
    author = sign_up(app, "author")
    with ThreadPoolExecutor(THREADS) as threads:
        posts = list(threads.map(lambda _: write_post(author, "Tea", published=False), range(TRIES)))
    slugs = {post["slug"] for post in posts}
    assert len(slugs) == TRIES
    assert "tea" in slugs


def test_of_concurrent_posts_with_the_same_slug_one_succeeds(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "Tea", "content": "Boil.", "slug": "the-one"}

    def write(_: int) -> int:
        client = app.test_client()
        response = client.post("/api/v1/posts", json=body, headers={"Authorization": f"Bearer {author.token}"})
        return response.status_code

    with ThreadPoolExecutor(THREADS) as threads:
        statuses = list(threads.map(write, range(TRIES)))
    assert sorted(statuses) == [201] + [409] * (TRIES - 1)


def test_a_duplicate_slug_is_a_conflict_of_the_slug(app: Flask) -> None:
    author = sign_up(app, "author")
    write_post(author, slug="tea")
    path = f"/posts/{write_post(author)['id']}"
    assert author.patch(path, {"slug": "tea"}, status=409).json["errors"][0]["pointer"] == "/slug"


def moved(caller: Caller, path: str) -> str:
    response = caller.send("GET", path, status=301)
    return response.headers["Location"].rpartition("/api/v1")[2]


def test_former_slugs_redirect_to_the_current_one(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author, slug="first")
    for slug in ("second", "third"):
        author.patch(f"/posts/{post['id']}", {"slug": slug})
    assert moved(anonymous(app), "/posts/first") == moved(anonymous(app), "/posts/second") == "/posts/third"
    assert moved(anonymous(app), "/posts/first?fields=id,title") == "/posts/third?fields=id,title"
    author.patch(f"/posts/{post['id']}", {"slug": "first"})
    assert anonymous(app).get("/posts/first").json["id"] == post["id"]


def test_a_former_slug_can_be_used_by_another_post(app: Flask) -> None:
    author = sign_up(app, "author")
    first = write_post(author, slug="tea")
    author.patch(f"/posts/{first['id']}", {"slug": "old-tea"})
    second = write_post(author, slug="tea")
    assert anonymous(app).get("/posts/tea").json["id"] == second["id"]
    author.patch(f"/posts/{second['id']}", {"slug": "new-tea"})
    assert moved(anonymous(app), "/posts/tea") == "/posts/new-tea"


def test_a_former_slug_does_not_reveal_a_draft(app: Flask) -> None:
    author = sign_up(app, "author")
    draft = write_post(author, published=False, slug="secret")
    author.patch(f"/posts/{draft['id']}", {"slug": "more-secret"})
    anonymous(app).get("/posts/secret", status=404)
    assert moved(author, "/posts/secret") == "/posts/more-secret"


@pytest.mark.parametrize(
    "slug", ["Tea", "té", "a b", "-a", "a--b", "", "a/b", "x" * 171, "0" * 32, f"{0:08}-0000-7000-8000-{0:012}"]
)
def test_a_slug_has_lowercase_letters_and_digits_and_is_no_uuid(app: Flask, slug: str) -> None:
    body = {"title": "Tea", "content": "Boil.", "slug": slug}
    assert sign_up(app, "author").post("/posts", body, status=422).json["errors"][0]["pointer"] == "/slug"


@pytest.mark.parametrize("title", ["שלום עולם", "🍵🍵🍵", "---", "0" * 32, "<script>alert(1)</script>", "x" * 150])
def test_any_title_gives_a_slug_that_finds_the_post(app: Flask, title: str) -> None:
    post = write_post(sign_up(app, "author"), title)
    found = anonymous(app).get(f"/posts/{post['slug']}").json
    assert (found["id"], found["title"]) == (post["id"], title)
