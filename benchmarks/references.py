"""Reference servers for the comparison, under the same gunicorn settings.

`bare` is a Flask route that returns constant bytes, as many as our response: the cost of Flask and gunicorn alone.
`statement` is a plain WSGI function that runs one hand-written SQL statement, in which PostgreSQL builds the JSON: the
cost of the response without validation, permissions or reusable parts.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import psycopg2
from flask import Flask, Response

SIZE = int(os.environ.get("BENCHMARK_BYTES", "0"))
BODY = b"x" * SIZE

AUTHOR = "json_build_object('id', u.id, 'name', u.name)"
CATEGORY = "CASE WHEN c.id IS NOT NULL THEN json_build_object('id', c.id, 'name', c.name, 'slug', c.slug) END"
TAGS = """
    (SELECT coalesce(json_agg(json_build_object('id', t.id, 'name', t.name, 'slug', t.slug) ORDER BY t.id), '[]')
       FROM blog.post_tags pt JOIN blog.tags t ON t.id = pt.tag_id WHERE pt.post_id = p.id)
"""
# It joins across logical databases, which the app must not do: this is a lower limit.
POST = f"""
    SELECT p.id, p.title, p.slug, p.content, p.published_at,
           {AUTHOR} AS author, {CATEGORY} AS category, {TAGS} AS tags
      FROM {{source}} p
      JOIN accounts.users u ON u.id = p.author_id
      LEFT JOIN blog.categories c ON c.id = p.category_id
"""
NEWEST = """
    (SELECT * FROM blog.posts WHERE status = 'published' AND published_at <= now()
      ORDER BY published_at DESC, id DESC LIMIT 20)
"""
PAGE = f"SELECT json_agg(x)::text FROM ({POST.format(source=NEWEST)} ORDER BY p.published_at DESC, p.id DESC) x"
ONE = f"SELECT row_to_json(x)::text FROM ({POST.format(source='blog.posts')} WHERE p.id = %s) x"
USERS = """
    SELECT json_agg(x)::text
      FROM (SELECT id, name, status, created_at FROM accounts.users ORDER BY id DESC LIMIT 20) x
"""

bare = Flask(__name__)
bare.add_url_rule("/<path:_>", view_func=lambda _: Response(BODY, content_type="application/json"))

_local = threading.local()


def statement(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve /posts, /post?id=… and /users, each by one statement."""
    match environ["PATH_INFO"]:
        case "/posts":
            body = _query(PAGE)
        case "/post":
            body = _query(ONE, parse_qs(environ["QUERY_STRING"])["id"])
        case _:
            body = _query(USERS)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _query(sql: str, parameters: Iterable[Any] = ()) -> bytes:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg2.connect(os.environ["BLOG_DATABASE_URL"])
        _local.connection.autocommit = True
    with _local.connection.cursor() as cursor:
        cursor.execute(sql, tuple(parameters))
        return str(cursor.fetchone()[0]).encode()
