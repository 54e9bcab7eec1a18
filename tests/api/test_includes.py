"""Includes of an item, fetched by a subquery, are the same as those of a list, fetched by another statement."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from flask import Flask

from blog_app.accounts.models import Profile
from blog_app.api.token_cache import Identity
from blog_app.blog.models import Category, Image, Post, PostTag, Tag
from blog_app.data import databases
from tests.helpers import objects
from tests.helpers.caller import sign_up
from tests.helpers.statements import captured_statements

ODD = 'Tea "and" \\ <b>☕</b> 😀 \t\r\n\x01\x7f\u2028'
MOMENTS = [datetime(2026, 1, 2, 3, 4, 5, fraction, UTC) for fraction in (0, 230_000, 7)]


@pytest.mark.parametrize("includes", ["tags,images", "images", "author,tags,category,images"])
def test_an_item_has_the_same_includes_as_a_list_in_one_statement(app: Flask, includes: str) -> None:
    admin = sign_up(app, "admin")
    with app.app_context(), databases.blog.atomic():
        post = objects.post(admin.user_id, public=True)
        tags = [Tag.create(name=f"{ODD} {n}", slug=f"tag-{n}", created_at=MOMENTS[n]) for n in (0, 1, 2)]
        PostTag.add(Post(id=post), tags)
        category = Category.create(name=ODD, slug="odd", created_at=MOMENTS[1])
        Post.get_by_id(post).change(category=category)
        for moment in MOMENTS:
            Image.create(post=post, url="https://images.example.com/1.jpg", caption=ODD, created_at=moment)
        objects.post(admin.user_id, public=True)
    for row in admin.get(f"/posts?include={includes}").json["data"]:
        with captured_statements() as sent:
            assert admin.get(f"/posts/{row['id']}?include={includes}").json == row
        (statement,) = [sql for sql in sent if any(f'"{name}"' in sql for name in ("tags", "images", "categories"))]
        assert '"posts"' in statement
        assert list(row)[-len(includes.split(",")) :] == includes.split(",")


def test_an_item_includes_the_one_object_that_belongs_to_it(app: Flask) -> None:
    admin, other = sign_up(app, "admin"), sign_up(app)
    with app.app_context():
        Profile.update(bio=ODD, social_links={ODD: "https://example.com", "n": [1.0, 2**60, None]}).where(
            Profile.user == other.user_id
        ).execute()
        Profile.delete().where(Profile.user == admin.user_id).execute()
    rows = admin.get("/users?include=profile").json["data"]
    assert sorted(row["profile"] is None for row in rows) == [False, True]
    for row in rows:
        assert admin.get(f"/users/{row['id']}?include=profile").json == row


def test_the_caller_as_vendor_is_not_fetched_again(app: Flask) -> None:
    vendor = sign_up(app, "vendor")
    kettle = {"type": "physical", "name": "Kettle", "price": "20.00", "stock": 1}
    for name in ("admin", "Ada,  King\u2028of Lovelace"):
        vendor.patch("/me", {"name": name})
        for _ in range(2):  # The first time the identity comes from the database, then from Redis.
            with captured_statements() as sent:
                product = vendor.post("/products?include=vendor", kettle).json
            assert product["vendor"] == {"id": vendor.user_id, "name": name}
            assert not [sql for sql in sent if '"users"' in sql]


@pytest.mark.parametrize("roles", [(), ("admin",), ("author", "vendor")])
@pytest.mark.parametrize("name", ["admin", ODD, " editor,admin "])
def test_an_identity_survives_serialization(roles: tuple[str, ...], name: str) -> None:
    known = Identity(uuid4(), name, roles, uuid4(), has_blocks=True)
    assert Identity.loads(known.dumps()) == known
