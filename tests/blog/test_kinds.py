"""Kinds of posts: articles and videos share a table, and have a schema each."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.blog.models import Article, Post, Video
from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up

VIDEO = {"kind": "video", "title": "How it whistles", "content": "Listen.", "url": "https://v.example/1.mp4"}


def test_each_kind_has_its_own_fields(app: Flask) -> None:
    author = sign_up(app, "author")
    article = author.post("/posts", {"title": "Tea", "content": "word " * 401, "excerpt": "Short."}).json
    assert (article["kind"], article["excerpt"], article["summary"]) == ("article", "Short.", "Short.")
    assert (article["metadata"]["reading_time"], article["url"], article["duration"]) == (3, None, None)
    video = author.post("/posts", {**VIDEO, "duration": 90}).json
    assert (video["kind"], video["url"], video["duration"]) == ("video", VIDEO["url"], 90)
    assert (article["word_count"], video["word_count"]) == (401, 1)
    assert (video["metadata"]["reading_time"], video["excerpt"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": None}, "/url"),
        ({"url": "javascript:alert(1)"}, "/url"),
        ({"url": "ftp://v.example/1.mp4"}, "/url"),
        ({"duration": 0}, "/duration"),
        ({"duration": "90"}, "/duration"),
        ({"excerpt": "A video has none."}, "/excerpt"),
        ({"kind": "poem"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"kind": ["video"]}, "/kind"),
    ],
)
def test_each_kind_validates_its_own_fields(app: Flask, change: dict[str, object], pointer: str) -> None:
    errors = sign_up(app, "author").post("/posts", {**VIDEO, **change}, status=422).json["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


def test_an_article_has_no_url(app: Flask) -> None:
    body = {"title": "Tea", "content": "Boil.", "url": VIDEO["url"]}
    assert sign_up(app, "author").post("/posts", body, status=422).json["errors"][0]["pointer"] == "/url"


def test_the_kind_of_a_post_cannot_change(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}"
    problem = author.patch(path, {"kind": "video", "url": VIDEO["url"], "excerpt": None}, status=422).json
    assert problem["errors"][0]["pointer"] in ("/kind", "/excerpt")
    assert author.put(path, VIDEO, status=422).json["errors"][0]["pointer"] == "/kind"


def test_a_patch_of_a_video_accepts_the_fields_of_videos(app: Flask) -> None:
    author = sign_up(app, "author")
    video = author.post("/posts", VIDEO).json
    assert author.patch(f"/posts/{video['id']}", {"duration": 7}).json["duration"] == 7
    assert author.put(f"/posts/{video['id']}", VIDEO).json["duration"] is None


def test_posts_are_filtered_by_kind(app: Flask) -> None:
    author = sign_up(app, "author")
    write_post(author)
    video = author.post("/posts", VIDEO).json
    author.put(f"/posts/{video['id']}/publication", {})
    assert [post["id"] for post in anonymous(app).get("/posts?kind=video").json["data"]] == [video["id"]]
    anonymous(app).get("/posts?kind=poem", status=400)


def test_selected_posts_are_instances_of_their_kind(app: Flask) -> None:
    author = sign_up(app, "author")
    write_post(author)
    author.post("/posts", VIDEO)
    with app.app_context():
        assert [type(post) for post in Post.select().order_by(Post.id)] == [Article, Video]
