"""A page of a list is bounded in bytes: it ends early, says so, and its cursors leave no row out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from flask import Flask

from blog_app.api.responses import rendering
from blog_app.api.responses.json_encoder import to_json
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, sign_up

LIMIT = 20_000
SIZES = (500, 9_000, 200, 4_000, 4_000, 30_000, 100, 100, 6_000, 7_000)
"""Of the posts, in characters of content; their HTML is as long. The sixth is larger than a page may be."""


@pytest.fixture
def author(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """An author of posts of these sizes, oldest first; pages are small."""
    monkeypatch.setattr(rendering, "MAX_PAGE_BYTES", LIMIT)
    monkeypatch.setattr(rendering, "ENVELOPE_BYTES", 1_000)
    author = sign_up(app, "author")
    for number, size in enumerate(SIZES):
        write_post(author, title=f"Post {number}", content=("x" * 99 + " ") * (size // 100))
    return author


def pages(author: Caller, query: str, direction: str = "next", cursor: str | None = None) -> list[dict[str, Any]]:
    """Return the pages that follow one another from the first, or from a cursor."""
    found = []
    while cursor or not found:
        response = author.get(f"/posts?{query}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(response.data) <= LIMIT or len(response.json["data"]) == 1
        found.append(response.json)
        cursor = found[-1]["page"][direction]
    return found


def titles(found: list[dict[str, Any]]) -> list[str]:
    return [row["title"] for page in found for row in page["data"]]


@pytest.mark.parametrize("limit", [2, 3, 10])
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "title,-created_at"])
def test_pages_that_end_early_leave_no_row_out_in_either_direction(author: Caller, limit: int, sort: str) -> None:
    query = f"limit={limit}&sort={sort}"
    expected = titles([author.get(f"/posts?limit=100&sort={sort}&fields=title").json])
    assert len(expected) == len(SIZES)

    forwards = pages(author, query)
    backwards = pages(author, query, "previous", forwards[-1]["page"]["previous"])

    assert titles(forwards) == expected
    assert titles(backwards[::-1]) == expected[: len(expected) - len(forwards[-1]["data"])]
    assert any("ended_early" in page["page"] for page in forwards)
    for page in forwards + backwards:
        assert page["page"]["limit"] == limit
        assert page["page"].get("ended_early", len(page["data"]) == limit or page in (forwards[-1], backwards[-1]))


def test_a_page_holds_as_many_rows_as_fit(author: Caller) -> None:
    found = pages(author, "limit=10&sort=created_at")
    for page, following in pairwise(found):
        next_row = following["data"][0]
        assert len(to_json(page)) + len(to_json(next_row)) > LIMIT - 1_000


def test_a_numbered_page_that_is_too_large_is_refused(author: Caller) -> None:
    problem = author.get("/posts?page=1&limit=10", status=400).json
    assert problem["errors"][0]["parameter"] == "limit"
    assert "20,000 bytes" in problem["detail"]
    author.get("/posts?page=1&limit=10&fields=title")
    author.get("/posts?page=2&limit=1")


def test_a_page_that_fits_says_nothing(author: Caller) -> None:
    assert "ended_early" not in author.get("/posts?limit=10&fields=title").json["page"]
