"""Reports on page views: numbers and permissions."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from flask import Flask

from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, sign_up

DAYS = [date(2026, 10, day) for day in (1, 2, 3)]


@pytest.fixture
def authors(app: Flask) -> dict[str, tuple[Caller, dict]]:
    """Two authors, each with a post that was viewed on three days."""
    found = {}
    for name, views in (("one", (5, 0, 9)), ("two", (1, 20, 2))):
        author = sign_up(app, "author")
        post = write_post(author, title=f"The post of {name}")
        found[name] = author, post
        own = {"post_id": UUID(post["id"]), "author_id": UUID(author.user_id)}
        for day, number in zip(DAYS, views, strict=True):
            if number:
                DailyView.create(**own, day=day, views=number, visitors=1)
                DailyReferrer.create(**own, day=day, referrer="news.example.com", views=1)
    DailyReferrer.create(**own, day=DAYS[0], referrer="pub.example.org", views=7)
    for day, number in zip(DAYS, (6, 20, 11), strict=True):
        DailyTotal.create(day=day, views=number, visitors=number - 1)
    return found


def rows(caller: Caller, path: str, *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in caller.get(f"/analytics/{path}").json["data"]]


def test_editors_see_everything(app: Flask, authors) -> None:
    editor = sign_up(app, "editor")
    (_, one), (_, two) = authors.values()
    assert rows(editor, "days", "day", "views", "visitors")[0] == ("2026-10-03", 11, 10)
    assert rows(editor, "days?day[lt]=2026-10-02", "views") == [(6,)]
    top = editor.get("/analytics/posts?include=post").json["data"]
    assert [(row["post"]["title"], row["views"], row["visitors"]) for row in top] == [
        ("The post of two", 23, 3),
        ("The post of one", 14, 2),
    ]
    days = "since=2026-10-03&until=2026-10-03"
    assert rows(editor, f"posts?{days}", "post_id", "views") == [(one["id"], 9), (two["id"], 2)]
    first = editor.get("/analytics/posts?limit=1").json["page"]["next"]
    assert rows(editor, f"posts?limit=1&cursor={first}", "post_id") == [(one["id"],)]
    assert rows(editor, f"posts/{two['id']}/days", "day", "views") == [
        ("2026-10-03", 2),
        ("2026-10-02", 20),
        ("2026-10-01", 1),
    ]
    assert rows(editor, "referrers", "referrer", "views") == [("pub.example.org", 7), ("news.example.com", 5)]
    assert rows(editor, f"referrers?since=2026-10-02&post_id={one['id']}", "referrer", "views") == [
        ("news.example.com", 1)
    ]


def test_authors_see_what_is_about_their_own_posts(app: Flask, authors) -> None:
    (author, own), (_, other) = authors.values()
    assert rows(author, "posts", "post_id", "views") == [(own["id"], 14)]
    assert rows(author, "referrers", "referrer", "views") == [("news.example.com", 2)]
    assert rows(author, f"posts/{own['id']}/days", "views") == [(9,), (5,)]
    assert rows(author, f"posts/{other['id']}/days", "views") == []
    assert rows(author, f"referrers?post_id={other['id']}", "views") == []
    author.get("/analytics/days", status=403)


@pytest.mark.parametrize("query", ["posts?since=yesterday", "referrers?post_id=x", "posts?until=2026-13-01"])
def test_invalid_parameters_are_named(app: Flask, query: str) -> None:
    name = query.partition("?")[2].partition("=")[0]
    assert name in sign_up(app, "editor").get(f"/analytics/{query}", status=400).json["detail"]


def test_a_deleted_post_keeps_its_numbers(app: Flask, authors) -> None:
    author, post = authors["one"]
    author.delete(f"/posts/{post['id']}")
    assert author.get("/analytics/posts?include=post").json["data"][0]["post"] is None
