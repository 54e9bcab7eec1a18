"""Comments on posts and images: threads, moderation, deletion."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from blog_app.blog.models import Comment
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up

IMAGE = {"url": "https://images.example.com/kettle.jpg", "alt_text": "A kettle"}


def comment(caller: Caller, path: str, content: str = "Ah!", parent: dict | None = None, status: int = 201) -> dict:
    body = {"content": content, "parent_id": parent["id"] if parent else None}
    return caller.post(f"{path}/comments", body, status=status).json


def texts(caller: Caller, path: str) -> list[str | None]:
    return [each["content"] for each in caller.get(f"{path}/comments").json["data"]]


@pytest.fixture
def subjects(app: Flask) -> list[str]:
    """The paths of a post, and of an image of it."""
    author = sign_up(app, "author")
    post = write_post(author)
    image = author.post(f"/posts/{post['id']}/images", IMAGE).json
    return [f"/posts/{post['slug']}", f"/images/{image['id']}"]


def test_a_pending_comment_is_visible_to_its_author_and_moderators_only(app: Flask, subjects: list[str]) -> None:
    reader, editor = sign_up(app), sign_up(app, "editor")
    for path in subjects:
        written = comment(reader, path, "*Ah!*")
        assert (written["status"], written["content_html"]) == ("pending", "<p><em>Ah!</em></p>")
        assert texts(reader, path) == texts(editor, path) == ["*Ah!*"]
        assert texts(anonymous(app), path) == texts(sign_up(app), path) == []
        anonymous(app).get(f"/comments/{written['id']}", status=404)
        editor.put(f"/comments/{written['id']}/moderation", {"status": "approved"})
        assert texts(anonymous(app), path) == ["*Ah!*"]
        editor.put(f"/comments/{written['id']}/moderation", {"status": "spam"})
        assert texts(anonymous(app), path) == []
    assert len(editor.get("/comments?status=spam").json["data"]) == 2
    assert comment(editor, subjects[0])["status"] == "approved"


def test_an_edited_comment_needs_approval_again(app: Flask, subjects: list[str]) -> None:
    reader, editor = sign_up(app), sign_up(app, "editor")
    path = f"/comments/{comment(reader, subjects[0])['id']}"
    editor.put(f"{path}/moderation", {"status": "approved"})
    assert reader.patch(path, {"content": "Buy this!"}).json["status"] == "pending"
    assert editor.patch(path, {"content": "Ah."}).json["status"] == "pending"
    sign_up(app).patch(path, {"content": "Mine"}, status=404)
    reader.put(f"{path}/moderation", {"status": "approved"}, status=403)


def test_a_reply_has_the_same_subject_as_its_parent(app: Flask, subjects: list[str]) -> None:
    editor = sign_up(app, "editor")
    first = comment(editor, subjects[0])
    reply = comment(editor, subjects[0], "Indeed", first)
    assert comment(editor, subjects[0], "So it is", reply)["parent_id"] == reply["id"]
    other = f"/posts/{write_post(editor)['id']}"
    for path in (subjects[1], other):
        problem = comment(editor, path, "Indeed", reply, status=422)
        assert problem["errors"][0]["pointer"] == "/parent_id"
    problem = editor.patch(f"/comments/{reply['id']}", {"parent_id": reply["id"]}, status=422).json
    assert problem["errors"][0]["pointer"] == "/parent_id"


def test_one_can_reply_only_to_visible_comments(app: Flask, subjects: list[str]) -> None:
    hidden = comment(sign_up(app), subjects[0])
    comment(sign_up(app), subjects[0], "Indeed", hidden, status=422)


def test_a_deleted_comment_with_replies_keeps_its_place(app: Flask, subjects: list[str]) -> None:
    editor, path = sign_up(app, "editor"), subjects[0]
    first = comment(editor, path, "First")
    comment(editor, path, "Reply", first)
    alone = comment(editor, path, "Alone")
    for each in (first, alone):
        editor.delete(f"/comments/{each['id']}")
    place, reply = anonymous(app).get(f"{path}/comments?include=author").json["data"]
    assert (place["id"], place["deleted"], place["content"], place["content_html"]) == (first["id"], True, None, None)
    assert (place["author_id"], place["author"]) == (None, None)
    assert (reply["parent_id"], reply["deleted"]) == (first["id"], False)
    comment(editor, path, "Too late", first, status=422)
    editor.patch(f"/comments/{first['id']}", {"content": "Back"}, status=404)


def test_a_comment_is_visible_only_with_its_subject(app: Flask) -> None:
    author, editor = sign_up(app, "author"), sign_up(app, "editor")
    post = write_post(author)
    path = f"/posts/{post['id']}"
    image = author.post(f"{path}/images", IMAGE).json
    written = [comment(editor, path), comment(editor, f"/images/{image['id']}")]
    assert len(anonymous(app).get("/comments").json["data"]) == 2
    author.delete(f"{path}/publication", status=200)
    assert anonymous(app).get("/comments").json["data"] == []
    for each in written:
        anonymous(app).get(f"/comments/{each['id']}", status=404)
    for place in (path, f"/images/{image['id']}"):
        anonymous(app).get(f"{place}/comments", status=404)
        comment(sign_up(app), place, status=404)
    author.delete(path)
    assert editor.get("/comments").json["data"] == []


def test_permanently_deleting_a_subject_deletes_its_comments(app: Flask) -> None:
    author, admin = sign_up(app, "author"), sign_up(app, "admin")
    post = write_post(author)
    path = f"/posts/{post['id']}"
    first, second = (author.post(f"{path}/images", IMAGE).json["id"] for _ in range(2))
    for place in (path, f"/images/{first}", f"/images/{second}"):
        comment(admin, place, "Reply", comment(admin, place))
    author.delete(f"/images/{first}")
    admin.delete(f"/images/{first}/remains")
    with app.app_context():
        assert Comment.select().count() == 4
    author.delete(path)
    admin.delete(f"{path}/remains")
    with app.app_context():
        assert Comment.with_deleted().count() == 0


@pytest.mark.parametrize("kind", ["post", "image"])
def test_no_comment_outlives_a_subject_that_is_deleted_concurrently(app: Flask, kind: str) -> None:
    admin, reader = sign_up(app, "admin"), sign_up(app)
    header = {"Authorization": f"Bearer {reader.token}"}
    for _ in range(5):
        post = f"/posts/{write_post(admin)['id']}"
        path = post if kind == "post" else f"/images/{admin.post(f'{post}/images', IMAGE).json['id']}"

        def write(number: int, post: str = post, path: str = path) -> int:
            if number == 5:
                admin.delete(path)
                return admin.delete(f"{path}/remains").status_code
            response = app.test_client().post(f"/api/v1{path}/comments", json={"content": "Ah!"}, headers=header)
            return response.status_code

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(write, range(16))) <= {201, 204, 404}
        with app.app_context():
            assert Comment.with_deleted().count() == 0
