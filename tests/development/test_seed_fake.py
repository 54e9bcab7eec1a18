"""flask seed fake: the same command makes the same rows, whatever came before it, and however it ended."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
from flask import Flask
from slugify import slugify

from blog_app.accounts.models import User
from blog_app.blog.models import Comment, Post, PostTag, Tag
from blog_app.blog.models.tags import refresh_tag_words
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from blog_app.development.seed.fake.fill import TAG_NAMES
from tests.conftest import empty_all_tables
from tests.helpers.caller import anonymous
from tests.helpers.programs import Program

SECONDS = 60


def fake(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["seed", "fake", "--users", "40", *arguments])
    assert result.exit_code == 0, result.output
    return str(result.output).strip().splitlines()[-1]


def rows(model: Any) -> list[Any]:
    return sorted(model.select().tuples())


def texts_of_posts() -> list[Any]:
    """Everything of the posts but the category, which has a new identifier each time it is made."""
    return sorted(Post.select(Post.id, Post.slug, Post.title, Post.content, Post.status, Post.author_id).tuples())


def test_it_makes_as_many_whole_posts_as_asked_for(app: Flask) -> None:
    assert fake(app, "--posts", "300") == "added 40 users and 300 posts"
    assert (User.select().count(), Post.select().count(), PostTag.select().count()) == (40, 300, 900)
    page = anonymous(app).get("/posts?include=author,category,tags&limit=1").json["data"][0]
    assert page["author"]["name"]
    assert page["category"]["name"]
    assert len(page["tags"]) == 3
    assert 500 < len(page["content"]) < 4_000


def test_a_tag_whose_name_or_slug_is_taken_is_the_one_that_has_it(app: Flask) -> None:
    first, second = TAG_NAMES[:2]
    Tag.create(name=first.upper(), slug="by-name")
    Tag.create(name="By slug", slug=slugify(second))
    fake(app, "--posts", "30")
    assert Tag.select().count() == len(TAG_NAMES)
    assert PostTag.select().join(Tag).where(Tag.slug == "by-name").exists()


def test_what_follows_from_a_text_is_what_the_blog_makes_of_it(app: Flask) -> None:
    fake(app, "--posts", "30")
    for made in [*Post.select(), *Comment.select()]:
        again = type(made)(**made.__data__)
        again.derive()
        assert again.__data__ == made.__data__
    words = [post.tag_words for post in Post.select().order_by(Post.id)]
    refresh_tag_words()
    assert [post.tag_words for post in Post.select().order_by(Post.id)] == words


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(app: Flask) -> None:
    fake(app, "--posts", "50")
    posts, users = texts_of_posts(), rows(User)
    empty_all_tables()
    fake(app, "--posts", "50", "--seed", "1")
    assert texts_of_posts() == posts
    assert rows(User) == users
    fake(app, "--posts", "50", "--seed", "2")
    assert Post.select().count() == 100


def test_repeating_adds_only_what_is_missing(app: Flask) -> None:
    fake(app, "--posts", "2000")
    assert fake(app, "--posts", "2000") == "added 0 users and 0 posts"
    assert fake(app, "--posts", "2500") == "added 0 users and 500 posts"
    assert fake(app, "--posts", "2600") == "added 0 users and 100 posts"
    assert (Post.select().count(), PostTag.select().count()) == (2600, 7800)


def test_ctrl_c_leaves_whole_batches_and_says_how_many(app: Flask, stack: Stack) -> None:
    environment = {**os.environ, **stack.environment(), "APP_MODE": "test"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "seed", "fake", "--posts", "1000000"]
    with Program(*command, environment=environment) as seeding:
        assert wait_until(lambda: Post.select().exists() or seeding.poll() is not None, SECONDS), "no batch came"
        assert seeding.end(signal.SIGINT) == 130, seeding.said
        output = seeding.said
    posts = Post.select().count()
    assert f"and {posts} posts, all of them complete" in output
    assert posts % 2_000 == 0
    assert PostTag.select().count() == 3 * posts


def test_production_refuses_without_an_answer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blog_app.config.Settings.production", True)
    assert app.test_cli_runner().invoke(args=["seed", "fake", "--posts", "1"]).exit_code == 1
    assert not User.select().exists()
