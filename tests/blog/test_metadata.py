"""Metadata of posts: free-form and computed keys."""

from __future__ import annotations

from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import sign_up


def test_a_patch_merges_metadata_and_a_put_replaces_it(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author, metadata={"mood": {"now": "calm", "then": "cross"}, "stars": 5})
    path = f"/posts/{post['id']}"
    merged = author.patch(path, {"metadata": {"mood": {"then": None}, "stars": 4}}).json["metadata"]
    assert merged == {"mood": {"now": "calm"}, "stars": 4, "views": 0, "likes": 0, "reading_time": 1}
    put = author.put(path, {"title": "Tea", "content": "Boil."}).json["metadata"]
    assert put == {"views": 0, "likes": 0, "reading_time": 1}


def test_computed_metadata_is_read_only(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "Tea", "content": "Boil.", "metadata": {"views": 9_999}}
    assert author.post("/posts", body, status=422).json["errors"][0]["pointer"] == "/metadata/views"


def test_metadata_has_a_maximum_size(app: Flask) -> None:
    body = {"title": "Tea", "content": "Boil.", "metadata": {"long": "x" * 10_000}}
    assert sign_up(app, "author").post("/posts", body, status=422).json["errors"][0]["pointer"] == "/metadata"
