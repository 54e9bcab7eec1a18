"""Revisions of posts: recording, listing, restoring."""

from __future__ import annotations

from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up


def test_every_change_of_title_or_content_makes_a_revision(app: Flask) -> None:
    author, editor = sign_up(app, "author", name="Ada"), sign_up(app, "editor", name="Eve")
    post = write_post(author, "First")
    path = f"/posts/{post['id']}"
    editor.patch(path, {"title": "Second"})
    author.patch(path, {"content": "Grind.", "content_format": "html"})
    author.patch(path, {"metadata": {"mood": "calm"}})  # Neither title nor text.
    second, first = author.get(f"{path}/revisions?include=author,replacer").json["data"]
    assert (first["number"], first["title"], first["content"]) == (1, "First", "Boil water.")
    assert (first["author"]["name"], first["replacer"]["name"]) == ("Ada", "Eve")
    assert (first["written_at"], first["replaced_at"]) == (post["created_at"], second["written_at"])
    assert (second["number"], second["title"], second["content_format"]) == (2, "Second", "markdown")
    assert (second["author"]["name"], second["replacer"]["name"]) == ("Eve", "Ada")
    assert author.get(f"{path}/revisions/{first['id']}").json["title"] == "First"


def test_restoring_a_revision_makes_another_revision(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author, 'First')['id']}"
    author.patch(path, {"title": "Second", "content": "**New**"})
    (revision,) = author.get(f"{path}/revisions").json["data"]
    restored = author.put(f"{path}/revisions/{revision['id']}/restoration").json
    assert (restored["title"], restored["content_html"]) == ("First", "<p>Boil water.</p>")
    assert [each["title"] for each in author.get(f"{path}/revisions").json["data"]] == ["Second", "First"]


def test_revisions_are_visible_to_those_who_may_edit(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author)
    path = f"/posts/{post['id']}"
    author.patch(path, {"title": "Second"})
    revision = author.get(f"{path}/revisions").json["data"][0]["id"]
    for caller, status in ((anonymous(app), 401), (sign_up(app), 403), (sign_up(app, "author"), 404)):
        caller.get(f"{path}/revisions", status=status)
        caller.get(f"{path}/revisions/{revision}", status=status)
    sign_up(app, "author").put(f"{path}/revisions/{revision}/restoration", status=403)


def test_a_revision_of_another_post_is_not_restored(app: Flask) -> None:
    author = sign_up(app, "author")
    first, second = write_post(author, "First"), write_post(author, "Second")
    author.patch(f"/posts/{first['id']}", {"title": "Changed"})
    revision = author.get(f"/posts/{first['id']}/revisions").json["data"][0]["id"]
    author.put(f"/posts/{second['id']}/revisions/{revision}/restoration", status=404)
    author.get(f"/posts/{second['id']}/revisions/{revision}", status=404)
    assert author.get(f"/posts/{second['id']}/revisions").json["data"] == []


def test_restoring_a_revision_with_an_old_version_is_412(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}"
    old = author.get(path).headers["ETag"]
    author.patch(path, {"title": "Second"})
    revision = author.get(f"{path}/revisions").json["data"][0]["id"]
    author.put(f"{path}/revisions/{revision}/restoration", status=412, **{"If-Match": old})
