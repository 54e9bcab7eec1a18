"""The app on throwaway servers, with a big table of posts."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2

from blog_app import create_app
from blog_app.config import Settings
from blog_app.development.local.ports import private_port
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway
from blog_app.operations.migrate import all_databases, files
from blog_app.operations.migrate.plan import LintGuard
from tests.helpers.caller import sign_up
from tests.helpers.programs import Program
from tests.rehearsal.changes import Change
from tests.rehearsal.traffic import Traffic

SECRET = "rehearsal-only-rehearsal-only-1234"
INSERT_POSTS = """
INSERT INTO blog.posts (id, created_at, updated_at, author_id, title, slug, content, content_html, summary, word_count,
                        status, published_at)
SELECT gen_random_uuid(), at, at, %s, 'Post ' || i, 'post-' || i, repeat('word ', 20 + i %% 30), '<p>' ||
       repeat('word ', 20 + i %% 30) || '</p>', 'word', 20 + i %% 30, 'published', at
FROM generate_series(1, %s) AS i, LATERAL (SELECT now() - i * interval '1 minute' AS at) AS times
"""
SEARCH_INDEX = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'blog' AND tablename = 'posts' AND indexdef LIKE '%gin%'"
)


class Site:
    """A blog with `rows` posts of one author."""

    def __init__(self, stack: Stack, folder: Path, rows: int) -> None:
        self.stack, self.folder, self.rows = stack, folder, rows
        self.environment = {**stack.environment(), "APP_MODE": "production", "SECRET_KEY": SECRET}
        self.settings = Settings.from_environment(self.environment)
        self.url = self.settings.databases["blog"].direct_url
        for name in self.settings.databases:
            shutil.copytree(files.FOLDER / name, folder / name)
        all_databases.run(self.settings, list(self.settings.databases), lambda runner: runner.up(), lambda _: None)
        author = sign_up(create_app(self.settings), "author")
        self.token = author.token
        self._fill(author.user_id)
        self._numbers = count(900)
        self.posts = [str(row) for (row,) in self.query("SELECT id FROM blog.posts LIMIT 200")]

    def query(self, sql: str, parameters: Any = None) -> list[Any]:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def run(self, change: Change) -> list[str]:
        """Run a change as a migration of its own, as by `flask migrate up`; return what it printed."""
        words = "".join(letter if letter.isalnum() else "_" for letter in change.title.lower())
        (self.folder / "blog" / f"{next(self._numbers)}_{words}.py").write_text(change.file())
        printed: list[str] = []
        all_databases.run(
            self.settings, ["blog"], lambda runner: runner.up(guard=LintGuard()), printed.append, self.folder
        )
        return printed

    def _fill(self, user: str) -> None:
        # Without the search index, which is faster to build for all rows together.
        indexes = [definition for (definition,) in self.query(SEARCH_INDEX)]
        for definition in indexes:
            self.query(f"DROP INDEX blog.{definition.split()[2]}")
        self.query(INSERT_POSTS, (user, self.rows))
        for definition in indexes:
            self.query(definition)
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE blog.posts")
        connection.close()

    @contextmanager
    def served(self) -> Iterator[int]:
        """Serve the app by gunicorn; yield its port."""
        with private_port() as port:
            environment = os.environ | self.environment | {"PORT": str(port), "LOG_LEVEL": "WARNING"}
            with Program(sys.executable, "-m", "gunicorn", "wsgi:app", environment=environment) as web:
                assert wait_until(lambda: _is_ready(port), 20), web.said
                yield port

    @contextmanager
    def under_load(self) -> Iterator[Traffic]:
        """Serve the app under load."""
        with self.served() as port, Traffic(port, self.token, self.posts) as traffic:
            yield traffic


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def site(folder: Path, rows: int) -> Iterator[Site]:
    with throwaway(variables={"APP_MODE": "production", "SECRET_KEY": SECRET}) as stack:
        yield Site(stack, folder, rows)
