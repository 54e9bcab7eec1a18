"""Scheduling, archiving, deleting, restoring and purging posts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from blog_app.api import auth
from blog_app.blog.models import Post
from blog_app.data import databases
from tests.blog.test_posts import write_post
from tests.helpers import audit_entries
from tests.helpers.caller import Caller, anonymous, sign_up


def titles(caller: Caller, query: str = "") -> list[str]:
    return [post["title"] for post in caller.get(f"/posts{query}").json["data"]]


def test_a_scheduled_post_becomes_public_at_its_time_without_a_job(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author, published=False)
    soon = datetime.now(UTC) + timedelta(hours=1)
    author.put(f"/posts/{post['id']}/publication", {"published_at": soon.isoformat()})
    assert titles(anonymous(app)) == []
    with app.app_context(), databases.blog.atomic():  # As if an hour had passed.
        Post.update(published_at=Post.published_at - timedelta(hours=1)).where(Post.id == post["id"]).execute()
    assert titles(anonymous(app)) == [post["title"]]


def test_a_post_can_be_created_and_published_by_one_request(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "Tea", "content": "Boil.", "status": "published"}
    post = author.post("/posts", body).json
    assert (post["status"], post["published_at"] >= post["created_at"]) == ("published", True)
    author.post("/posts", {**body, "title": "Later", "published_at": "2999-01-01T00:00:00Z"})
    author.post("/posts", {**body, "title": "Earlier", "published_at": "1999-01-01T00:00:00Z"})
    author.post("/posts", {**body, "title": "Draft", "status": "draft"})
    assert titles(anonymous(app)) == ["Tea", "Earlier"]
    assert titles(author, "?status=published&sort=published_at") == ["Earlier", "Tea", "Later"]
    for change in ({"status": "archived"}, {"status": "draft", "published_at": "2999-01-01T00:00:00Z"}):
        author.post("/posts", body | change, status=422)
    author.patch(f"/posts/{post['id']}", {"status": "draft"}, status=422)


def test_a_post_published_at_once_leaves_the_entries_of_two_requests(app: Flask) -> None:
    author = sign_up(app, "author")
    author.post("/posts", {"title": "Tea", "content": "Boil.", "status": "published"})
    author.put(f"/posts/{write_post(author, 'Tea', published=False)['id']}/publication", {})
    with app.app_context():
        entries = audit_entries.pending()
    changes = [(entry["action"], entry["changes"].get("status"), entry["actor_id"]) for entry in entries]
    assert changes[:2] == changes[2:]
    assert [action for action, *_ in changes[:2]] == ["posts.create_post", "posts.publish_post"]


def test_only_who_may_publish_publishes_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    author = sign_up(app, "author")
    real = auth.may_use
    monkeypatch.setattr(auth, "may_use", lambda endpoint: endpoint != "posts.publish_post" and real(endpoint))
    author.post("/posts", {"title": "Tea", "content": "Boil.", "status": "published"}, status=403)
    assert author.get("/posts").json["data"] == []
    author.post("/posts", {"title": "Tea", "content": "Boil."})


def test_a_scheduled_post_can_be_published_now_and_a_public_one_keeps_its_time(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author, published=False)['id']}/publication"
    author.put(path, {"published_at": "2999-01-01T00:00:00Z"})
    out = author.put(path, {}).json["published_at"]
    assert out < "2999"
    assert author.put(path, {}).json["published_at"] == out


def test_an_archived_post_is_hidden_and_can_be_unarchived(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author)
    path = f"/posts/{post['id']}"
    assert author.put(f"{path}/archival").json["status"] == "archived"
    anonymous(app).get(path, status=404)
    back = author.delete(f"{path}/archival", status=200).json
    assert (back["status"], back["published_at"]) == ("published", post["published_at"])
    draft = write_post(author, published=False)
    author.put(f"/posts/{draft['id']}/archival")
    assert author.delete(f"/posts/{draft['id']}/archival", status=200).json["status"] == "draft"


def test_a_deleted_post_is_hidden_and_restored_by_an_editor(app: Flask) -> None:
    author, editor = sign_up(app, "author"), sign_up(app, "editor")
    post = write_post(author, "Gone")
    path = f"/posts/{post['id']}"
    author.delete(path)
    for caller in (author, editor, anonymous(app)):
        caller.get(path, status=404)
        assert titles(caller) == []
    assert titles(editor, "?deleted=only") == titles(editor, "?deleted=with") == ["Gone"]
    author.get("/posts?deleted=with", status=403)
    author.put(f"{path}/restoration", status=403)
    for _ in range(2):
        assert editor.put(f"{path}/restoration").json["title"] == "Gone"
    assert titles(anonymous(app)) == ["Gone"]


def test_the_slug_of_a_deleted_post_stays_reserved(app: Flask) -> None:
    author, editor = sign_up(app, "author"), sign_up(app, "editor")
    post = write_post(author, slug="tea")
    author.delete("/posts/tea")
    author.post("/posts", {"title": "Tea", "content": "Boil.", "slug": "tea"}, status=409)
    editor.put(f"/posts/{post['id']}/restoration")
    assert anonymous(app).get("/posts/tea").json["id"] == post["id"]


def test_only_deleted_posts_are_purged_and_only_by_an_admin(app: Flask) -> None:
    editor, admin = sign_up(app, "editor"), sign_up(app, "admin")
    path = f"/posts/{write_post(editor)['id']}"
    admin.put(f"{path}/like")
    editor.patch(path, {"title": "Another", "slug": "another"})
    admin.delete(f"{path}/remains", status=409)
    admin.delete(path)
    editor.delete(f"{path}/remains", status=403)
    admin.delete(f"{path}/remains")
    assert titles(admin, "?deleted=with") == []
