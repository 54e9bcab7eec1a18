"""Counters in posts, what the caller likes, lists by popularity, and the first comments."""

from __future__ import annotations

from typing import Any

from flask import Flask

from blog_app.blog.models import Comment, Post, PostCounters
from blog_app.data import databases
from tests.api.test_statements import MANY_POSTS
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.statements import captured_statements


def comment(caller: Caller, post: dict[str, Any], text: str = "Ah!", **values: Any) -> dict[str, Any]:
    return caller.post(f"/posts/{post['id']}/comments", {"content": text, **values}).json


def counts(caller: Caller, post: dict[str, Any]) -> tuple[int, int]:
    shown = caller.get(f"/posts/{post['id']}").json
    return shown["comments_count"], shown["likes_count"]


def set_counters(**views_and_likes: tuple[dict[str, Any], int, int]) -> None:
    for post, views, likes in views_and_likes.values():
        changed = PostCounters.update({PostCounters.views: views, PostCounters.likes: likes})
        assert changed.where(PostCounters.post == post["id"]).execute() == 1


def test_comments_count_while_others_see_them(app: Flask) -> None:
    author, editor = sign_up(app, "author"), sign_up(app, "editor")
    post = write_post(author)
    mine, approved = comment(author, post), comment(editor, post)
    assert counts(author, post) == (1, 0)
    for status, expected in (("approved", 2), ("approved", 2), ("spam", 1), ("approved", 2)):
        editor.put(f"/comments/{mine['id']}/moderation", {"status": status})
        assert counts(author, post)[0] == expected
    author.patch(f"/comments/{mine['id']}", {"content": "Changed."})  # It needs approval again.
    assert counts(author, post)[0] == 1
    editor.delete(f"/comments/{approved['id']}")
    assert counts(author, post)[0] == 0


def test_likes_are_counted_and_shown_to_the_caller(app: Flask) -> None:
    author, fan = sign_up(app, "author"), sign_up(app)
    first, second = write_post(author, "First"), write_post(author, "Second")
    fan.put(f"/posts/{first['id']}/like")
    assert counts(author, first) == (0, 1)
    query = "/posts?include=liked&fields=title&sort=title"
    for caller, expected in ((fan, [True, False]), (author, [False, False]), (anonymous(app), [False, False])):
        assert [post["liked"] for post in caller.get(query).json["data"]] == expected
    assert fan.get(f"/posts/{first['slug']}?include=liked,author").json["liked"] is True
    assert "liked" not in fan.get(f"/posts/{second['slug']}").json
    fan.delete(f"/posts/{first['id']}/like", status=200)
    assert fan.get("/posts?fields=liked&sort=title").json["data"] == [{"liked": False}] * 2


def test_what_one_caller_likes_is_cached_for_nobody(app: Flask) -> None:
    post = write_post(sign_up(app, "author"))
    fan, other = sign_up(app), sign_up(app)
    fan.put(f"/posts/{post['id']}/like")
    for _ in range(3):
        found = [caller.get("/posts?include=liked") for caller in (fan, other, anonymous(app))]
        assert [response.json["data"][0]["liked"] for response in found] == [True, False, False]
        assert [response.headers["X-Cache"] for response in found[:2]] == ["bypass", "bypass"]


def test_posts_are_sorted_by_views_and_likes(app: Flask) -> None:
    author = sign_up(app, "author")
    a, b, c, _ = (write_post(author, f"Post {letter}") for letter in "abcd")
    with app.app_context():
        set_counters(a=(a, 5, 1), b=(b, 9, 0), c=(c, 5, 3))
    reader = anonymous(app)
    for sort, expected in (("-views,-likes", "bcad"), ("-likes,-views", "cabd"), ("views", "dacb"), ("-views", "bcad")):
        found, cursor = "", ""
        while cursor is not None:
            page = reader.get(f"/posts?limit=1&sort={sort}{cursor}").json
            found += page["data"][0]["title"][-1]
            cursor = page["page"]["next"] and f"&cursor={page['page']['next']}"
        assert found == expected
    assert [post["id"] for post in reader.get("/posts?sort=-likes&fields=id&q=post").json["data"]][:2] == [
        c["id"], a["id"],
    ]  # fmt: skip
    reader.get("/posts?sort=-popularity", status=400)


def test_the_most_viewed_posts_are_found_by_an_index(app: Flask) -> None:
    with app.app_context(), databases.blog.atomic():
        databases.blog.declare_write(Post)
        databases.blog.execute_sql(MANY_POSTS)
        PostCounters.recount()
        databases.blog.execute_sql("UPDATE blog.post_counters SET views = 1e6 * random(), likes = 1e3 * random()")
    for table in ("posts", "post_counters"):
        databases.blog.execute_sql(f"ANALYZE blog.{table}")
    with captured_statements() as sent:
        anonymous(app).get("/posts?sort=-views,-likes")
    (sql,) = [statement for statement in sent if "ORDER BY" in statement]
    assert "post_counters_views_post_id" in explained(sql)


def explained(sql: str) -> str:
    rows = databases.blog.execute_sql(f"EXPLAIN (GENERIC_PLAN) {numbered(sql)}").fetchall()
    return "\n".join(line for (line,) in rows)


def numbered(sql: str) -> str:
    first, *rest = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def test_the_first_comments_come_with_posts_by_one_statement(app: Flask) -> None:
    author, editor = sign_up(app, "author"), sign_up(app, "editor")
    first, second = write_post(author, "First"), write_post(author, "Second")
    kept = [comment(editor, first, f"Comment {number}") for number in range(22)]
    comment(author, second, "Pending")
    editor.delete(f"/comments/{kept[0]['id']}")
    with captured_statements() as sent:
        posts = anonymous(app).get("/posts?include=comments&fields=title&sort=title").json["data"]
    assert [[each["content"] for each in post["comments"]] for post in posts] == [
        [f"Comment {number}" for number in range(1, 21)], [],
    ]  # fmt: skip
    assert len([statement for statement in sent if "comments" in statement]) == 1
    shown = anonymous(app).get(f"/posts/{first['id']}?include=comments").json["comments"]
    assert shown == anonymous(app).get(f"/posts/{first['id']}/comments").json["data"]


def test_a_new_comment_is_in_the_next_response(app: Flask) -> None:
    editor = sign_up(app, "editor")
    post = write_post(editor)
    for number in range(1, 4):
        comment(editor, post)
        for _ in range(2):
            assert len(anonymous(app).get("/posts?include=comments").json["data"][0]["comments"]) == number


def test_a_recount_puts_counters_right(app: Flask) -> None:
    editor = sign_up(app, "editor")
    posts = [write_post(editor) for _ in range(3)]
    for post in posts[:2]:
        comment(editor, post)
    with app.app_context():
        Comment.delete().where(Comment.subject_id == posts[0]["id"]).execute()
        PostCounters.delete().where(PostCounters.post.in_([posts[1]["id"], posts[2]["id"]])).execute()
        PostCounters.recount()
        assert [counts(editor, post)[0] for post in posts] == [0, 1, 0]
        assert PostCounters.select().count() == 3
