"""Public pages of authors: who has one, what it shows, and its number of posts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from blog_app.accounts.models import Author, User
from blog_app.blog import statistics
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.worker import deliver_all

DRAFT = {"title": "On the making of tea", "content": "Boil water."}


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin")


def author(app: Flask, admin: Caller, name: str = "Ada Marsh") -> Caller:
    caller = sign_up(app, name=name)
    admin.put(f"/users/{caller.user_id}/roles/author")
    return caller


def publish(caller: Caller, at: str | None = None, **values: Any) -> str:
    post = caller.post("/posts", {**DRAFT, **values}).json["id"]
    caller.put(f"/posts/{post}/publication", {"published_at": at})
    return str(post)


def count(app: Flask) -> None:
    """Let the blog count the posts of authors, and the worker deliver the numbers."""
    with app.app_context(), databases.blog.atomic():
        statistics.publish_author_counts()
    deliver_all(app)


def slugs(app: Flask, query: str = "") -> list[str]:
    return [each["slug"] for each in anonymous(app).get(f"/authors{query}").json["data"]]


def test_strangers_see_the_page_of_an_author_by_slug_and_by_id_without_the_address(app: Flask, admin: Caller) -> None:
    ada = author(app, admin)
    profile = {"bio": "Kettles.", "avatar_url": "https://a.example/a.png", "social_links": {"x": "https://x.example/a"}}
    ada.patch("/me/profile", profile)
    page = anonymous(app).get("/authors/ada-marsh").json
    assert page == {
        **{"id": ada.user_id, "slug": "ada-marsh", "name": "Ada Marsh", "posts": 0},
        **{"display_name": None, "website": None, **profile},
    }
    assert anonymous(app).get(f"/authors/{ada.user_id}").json == page
    anonymous(app).get("/authors/nobody", status=404)


def test_only_authors_have_a_page_and_namesakes_have_different_slugs(app: Flask, admin: Caller) -> None:
    sign_up(app, name="Eve")
    first, second = author(app, admin), author(app, admin)
    third = author(app, admin, name="!!!")
    admin.put(f"/users/{first.user_id}/roles/author")
    found = {each["id"]: each["slug"] for each in anonymous(app).get("/authors").json["data"]}
    assert found[first.user_id] == "ada-marsh"
    assert found[second.user_id].startswith("ada-marsh-")
    assert found[third.user_id]
    assert len(found) == 3


@pytest.mark.parametrize("way", ["suspend", "delete", "revoke"])
def test_a_page_vanishes_with_the_next_read_and_comes_back(app: Flask, admin: Caller, way: str) -> None:
    ada = author(app, admin)
    path = f"/users/{ada.user_id}"
    assert slugs(app) == ["ada-marsh"]
    anonymous(app).get("/authors/ada-marsh")
    away, back = {
        "suspend": (
            ("PUT", f"{path}/status", {"status": "suspended"}),
            ("PUT", f"{path}/status", {"status": "active"}),
        ),
        "delete": (("DELETE", path, None), ("PUT", f"{path}/restoration", None)),
        "revoke": (("DELETE", f"{path}/roles/author", None), ("PUT", f"{path}/roles/author", None)),
    }[way]
    assert admin.deferred(*away)() in (200, 204)
    assert slugs(app) == []
    anonymous(app).get("/authors/ada-marsh", status=404)
    assert admin.deferred(*back)() == 200
    assert slugs(app) == ["ada-marsh"]


def test_posts_and_comments_name_the_page_of_their_author(app: Flask, admin: Caller) -> None:
    ada, editor = author(app, admin), sign_up(app, "editor", name="Ines")
    ada.patch("/me/profile", {"avatar_url": "https://a.example/a.png"})
    publish(ada)
    publish(editor, title="On the making of coffee")
    named = {"id": ada.user_id, "name": "Ada Marsh", "slug": "ada-marsh", "avatar_url": "https://a.example/a.png"}
    posts = anonymous(app).get("/posts?include=author").json["data"]
    shown = {post["author"]["name"]: post["author"] for post in posts}
    assert shown["Ada Marsh"] == named
    assert (shown["Ines"]["slug"], shown["Ines"]["avatar_url"]) == (None, None)
    assert ada.get("/posts/on-the-making-of-tea?include=author").json["author"] == named
    admin.put(f"/users/{ada.user_id}/status", {"status": "suspended"})
    again = anonymous(app).get("/posts/on-the-making-of-tea?include=author").json["author"]
    assert again == {"id": ada.user_id, "name": "Ada Marsh", "slug": None, "avatar_url": None}


def test_the_number_of_posts_is_that_of_public_ones_and_orders_the_list(app: Flask, admin: Caller) -> None:
    ada, eve = author(app, admin), author(app, admin, name="Eve")
    first, second = publish(ada), publish(ada, title="Tea, again")
    publish(eve)
    eve.post("/posts", DRAFT)
    publish(eve, at=(now() + timedelta(days=1)).isoformat())
    publish(sign_up(app, "editor", name="Ines"))
    count(app)
    numbers = {each["slug"]: each["posts"] for each in anonymous(app).get("/authors").json["data"]}
    assert numbers == {"ada-marsh": 2, "eve": 1, "ines": 1}
    assert slugs(app)[0] == "ada-marsh"
    assert slugs(app, "?posts[gt]=1&name[contains]=marsh") == ["ada-marsh"]
    ada.delete(f"/posts/{first}")
    ada.delete(f"/posts/{second}/publication", status=200)
    count(app)
    assert anonymous(app).get("/authors/ada-marsh").json["posts"] == 0


@pytest.mark.redis
def test_numbers_that_did_not_change_end_no_cached_response(app: Flask, admin: Caller) -> None:
    publish(author(app, admin))
    count(app)
    anonymous(app).get("/authors")
    count(app)
    assert anonymous(app).get("/authors").headers["X-Cache"] == "hit"


def test_authors_who_were_there_before_their_pages_get_one_with_the_next_count(app: Flask) -> None:
    ada = sign_up(app, "author", name="Ada Marsh")
    assert slugs(app) == []
    count(app)
    assert slugs(app) == ["ada-marsh"]
    with app.app_context():
        User.delete().where(User.id == ada.user_id).execute()
        assert Author.select().count() == 0
    assert slugs(app) == []


def test_a_users_posts_are_found_below_the_user(app: Flask, admin: Caller) -> None:
    ada = author(app, admin)
    publish(ada)
    ada.post("/posts", {**DRAFT, "title": "Another"})
    (post,) = anonymous(app).get(f"/users/{ada.user_id}/posts").json["data"]
    assert post["slug"] == "on-the-making-of-tea"
    assert len(ada.get(f"/users/{ada.user_id}/posts?include=author,tags").json["data"]) == 2
    assert anonymous(app).get(f"/users/{admin.user_id}/posts").json["data"] == []
