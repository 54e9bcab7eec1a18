"""Likes: idempotent and exact under concurrency, and outside the version of the post."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up

TRIES = 200
THREADS = 16


def test_liking_and_unliking_are_idempotent(app: Flask) -> None:
    post, reader = write_post(sign_up(app, "author")), sign_up(app)
    path = f"/posts/{post['id']}/like"
    assert reader.get(path).json == {"liked": False, "likes": 0}
    assert reader.put(path).json == reader.put(path).json == {"liked": True, "likes": 1}
    assert sign_up(app).put(path).json == {"liked": True, "likes": 2}
    assert reader.delete(path, status=200).json == reader.delete(path, status=200).json == {"liked": False, "likes": 1}
    assert anonymous(app).get(f"/posts/{post['id']}").json["metadata"]["likes"] == 1


def test_two_hundred_concurrent_likes_of_one_user_are_one(app: Flask) -> None:
    post, reader = write_post(sign_up(app, "author")), sign_up(app)
    with ThreadPoolExecutor(THREADS) as threads:
        likes = list(threads.map(lambda _: reader.put(f"/posts/{post['id']}/like").json, range(TRIES)))
    assert likes == [{"liked": True, "likes": 1}] * TRIES


def test_no_concurrent_like_is_lost(app: Flask) -> None:
    post = write_post(sign_up(app, "author"))
    readers = [sign_up(app) for _ in range(40)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda reader: reader.put(f"/posts/{post['id']}/like"), readers))
        list(threads.map(lambda reader: reader.delete(f"/posts/{post['id']}/like", status=200), readers[:15]))
    assert anonymous(app).get(f"/posts/{post['id']}").json["metadata"]["likes"] == 25


def test_a_like_does_not_fail_an_editors_if_match(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author)
    read = author.get(f"/posts/{post['id']}").headers["ETag"]
    sign_up(app).put(f"/posts/{post['id']}/like")
    author.patch(f"/posts/{post['id']}", {"title": "Coffee"}, **{"If-Match": read})


def test_a_post_without_access_cannot_be_liked(app: Flask) -> None:
    draft = write_post(sign_up(app, "author"), published=False)
    sign_up(app).put(f"/posts/{draft['id']}/like", status=404)
    anonymous(app).put(f"/posts/{draft['id']}/like", status=401)
