"""N+1 queries: a list has a fixed number of statements, one for rows, one for authentication, one an include."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from blog_app.api.requests import cursors
from blog_app.api.requests.query_string import list_arguments
from blog_app.api.resources.includes import BatchInclude
from blog_app.api.responses import serializer
from blog_app.blog.models import Post
from blog_app.blog.schemas.posts import PostSchema
from blog_app.data import databases
from tests.helpers import objects
from tests.helpers.caller import Caller, sign_up
from tests.helpers.operations import OPERATIONS
from tests.helpers.statements import captured_statements

LISTS = [name for name, operation in OPERATIONS.items() if operation.is_list]
AUTHENTICATION, ROWS = 1, 1
MANY_POSTS = """
    INSERT INTO blog.posts (id, created_at, updated_at, author_id, title, slug, content, content_html, summary,
                            word_count, status, published_at)
    SELECT gen_random_uuid(), now(), now(), gen_random_uuid(), 'Post ' || n, 'post-' || n, '', '', '', 0,
           'published', now() - n * interval '1 minute'
      FROM generate_series(1, 5000) n
"""


def make_rows(caller: Caller, path: str, number: int) -> str:
    """Create `number` objects of the list at `path`; return the URL path of the list."""
    makers = [each for each in objects.MAKERS if each.rpartition("/")[0] == path and each.endswith("}")]
    url = objects.url(caller.app, path, owner=caller.user_id)
    values = objects.values_in(path, url)
    for _ in range(number if makers else 0):
        objects.url(caller.app, makers[0], owner=caller.user_id, given=values)
    return url


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_a_fixed_number_of_statements(app: Flask, name: str) -> None:
    operation = OPERATIONS[name]
    admin = sign_up(app, "admin")
    url = make_rows(admin, name.partition(" ")[2], 3)
    includes = operation.response.opts.includes
    empty = not admin.get(url).json["data"]
    for wanted in ((), *[(each,) for each in includes], tuple(includes)):
        fetched = sum(isinstance(includes[each], BatchInclude) for each in wanted)
        most = AUTHENTICATION + ROWS + fetched + (empty and operation.parent is not None)
        with captured_statements() as sent:
            admin.get(f"{url}?include={','.join(wanted)}" if wanted else url)
        assert len(sent) <= most, (wanted, sent)


def test_a_deep_page_reads_no_more_blocks_than_the_first(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index scan must begin at the cursor, not at the newest visible row."""
    with app.app_context(), databases.blog.atomic():
        databases.blog.declare_write(Post)
        databases.blog.execute_sql(MANY_POSTS)
    databases.blog.execute_sql("ANALYZE blog.posts")
    plans = []
    original = databases.Server.execute_sql

    def explained(self: databases.Server, sql: str, params: Any = None) -> Any:
        if 'ORDER BY "t1"."published_at"' in sql:
            (plan,) = original(self, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params).fetchone()[0]
            plans.append(plan["Plan"])
        return original(self, sql, params)

    reader = Caller(app)
    page = reader.get("/posts?limit=20").json["page"]
    last = reader.get("/posts?limit=20&sort=published_at,id").json["page"]["next"]
    oldest = cursors.encode(
        list_arguments(PostSchema, b"").keys,
        cursors.decode(last, list_arguments(PostSchema, b"sort=published_at,id").keys).values,
        backwards=False,
    )
    monkeypatch.setattr(databases.Server, "execute_sql", explained)
    assert len(reader.get(f"/posts?limit=10&cursor={page['next']}").json["data"]) == 10
    assert len(reader.get(f"/posts?limit=10&cursor={oldest}").json["data"]) == 10
    near, far = (plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
    assert far <= near + 5, plans


def test_a_numbered_page_says_how_many_there_are_by_one_bounded_statement(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = sign_up(app, "editor")
    for number in range(5):
        editor.post("/tags", {"name": f"Tag {number}"})
    with captured_statements() as sent:
        page = editor.get("/tags?page=2&limit=2").json["page"]
    assert page == {"limit": 2, "page": 2, "next": 3, "previous": 1, "pages": 3, "total": 5}
    assert len(sent) <= AUTHENTICATION + ROWS + 1
    assert editor.get("/tags?page=9&limit=5").json["page"]["pages"] == 1
    assert editor.get("/tags?page=1&name=Other").json["page"]["pages"] == 0
    monkeypatch.setattr(serializer, "MAX_COUNTED", 4)
    page = editor.get("/tags?page=1&limit=3").json["page"]
    assert (page["next"], page["pages"], page["total"]) == (2, None, None)
    page = editor.get("/tags?page=1&limit=3&count=true").json["page"]
    assert (page["pages"], page["total"]) == (2, 5)
    assert "pages" not in editor.get("/tags?count=true").json["page"]
