"""The word count of a post, in Python and in the SQL backfill of migration 008."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.operations.migrate import files
from tests.helpers.caller import sign_up

TEXTS = (
    "One two three.",
    "# A heading\n\nA *stressed* wo**r**d, a [link](https://example.com) and `some code`.\n\n* one\n* two\n",
    "| a | b |\n|---|---|\n| c | d |\n\nLine one  \nline two\n\n---\n\nEnd &amp; more &nbsp; here",
    "\n\n".join(f"Paragraph {number} has five words." for number in range(50)),
    "<script>x</script>",
)


@pytest.mark.parametrize("content", TEXTS)
def test_the_backfill_counts_words_as_the_code_does(app: Flask, content: str) -> None:
    post = sign_up(app, "author").post("/posts", {"title": "Counted", "content": content}).json
    fill = next(migration for migration in files.read("blog") if migration.name == "008_fill_word_count")
    counted = databases.blog.execute_sql(
        f"SELECT regexp_count({fill.namespace['PLAIN']}, '\\S+') FROM blog.posts WHERE id = %s", (post["id"],)
    ).fetchone()
    assert (post["word_count"],) == counted


def test_posts_are_filtered_by_word_count(app: Flask) -> None:
    author = sign_up(app, "author")
    for title, words in (("Short", 3), ("Long", 300)):
        author.post("/posts", {"title": title, "content": "word " * words})
    found = author.get("/posts?word_count[gte]=100").json["data"]
    assert [post["title"] for post in found] == ["Long"]
