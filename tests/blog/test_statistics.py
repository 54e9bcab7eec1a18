"""Statistics of public posts, one statement each."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.statements import captured_statements


def test_statistics_count_public_posts(app: Flask) -> None:
    ada, eve = sign_up(app, "editor", name="Ada"), sign_up(app, "author", name="Eve")
    tea, milk = (ada.post("/tags", {"name": name}).json["slug"] for name in ("Tea", "Milk"))
    kitchen = ada.post("/categories", {"name": "Kitchen"}).json["id"]
    for title, month, tags in (("A 1", "2026-01", [tea]), ("A 2", "2026-01", [tea, milk]), ("A 3", "2026-03", [])):
        post = write_post(ada, title, published=False, tags=tags, category_id=kitchen)
        ada.put(f"/posts/{post['id']}/publication", {"published_at": f"{month}-15T12:00:00Z"})
    write_post(eve, "A draft", published=False, tags=[tea])
    post = write_post(eve, "Edge", published=False)
    eve.put(f"/posts/{post['id']}/publication", {"published_at": "2026-02-01T00:30:00+01:00"})  # January in UTC.
    write_post(eve, "Gone")
    eve.delete("/posts/gone")

    def counts(name: str, key: str) -> list[tuple[object, int]]:
        return [(each[key], each["posts"]) for each in anonymous(app).get(f"/statistics/{name}").json["data"]]

    assert counts("months", "month") == [("2026-03-01", 1), ("2026-01-01", 3)]
    assert counts("categories", "slug") == [("kitchen", 3)]
    assert counts("tags", "slug") == [("tea", 2), ("milk", 1)]
    assert counts("authors", "id") == [(ada.user_id, 3), (eve.user_id, 1)]
    assert anonymous(app).get("/statistics/authors?include=author").json["data"][0]["author"]["name"] == "Ada"
    assert anonymous(app).get("/statistics/months?month[gte]=2026-02-01").json["data"] == [
        {"month": "2026-03-01", "posts": 1}
    ]
    first = anonymous(app).get("/statistics/tags?limit=1").json
    second = anonymous(app).get(f"/statistics/tags?limit=1&cursor={first['page']['next']}").json
    assert [first["data"][0]["slug"], second["data"][0]["slug"]] == ["tea", "milk"]


@pytest.mark.parametrize("name", ["months", "categories", "tags", "authors"])
def test_each_takes_one_statement(app: Flask, name: str) -> None:
    write_post(sign_up(app, "author"))
    with captured_statements() as sent:
        anonymous(app).get(f"/statistics/{name}")
    # To fill its entry, the cache asks besides when the next post comes out.
    assert len([sql for sql in sent if "MIN(" not in sql]) == 1
