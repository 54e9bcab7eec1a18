"""Writes whose result nobody needs: they go in one message with the next statement, and share its fate."""

from __future__ import annotations

import threading

import peewee
import pytest
from flask import Flask

from blog_app.blog.models import Tag
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers.statements import captured_statements


def tag(name: str) -> peewee.Node:
    return Tag.insert(name=name, slug=name, created_at=now(), updated_at=now())


def slugs() -> set[str]:
    return {tag.slug for tag in Tag.select()}


def messages(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that gets each message that this thread sends from now on; others look after leases."""
    sent: list[bytes] = []
    here = threading.get_ident()

    class Telling(databases.servers.psycopg2.extensions.cursor):
        def execute(self, query, params=None):
            if threading.get_ident() == here:
                sent.append(self.mogrify(query, params))
            return super().execute(query, params)

    server = databases.blog.obj
    monkeypatch.setattr(server, "cursor", lambda: server.connection().cursor(cursor_factory=Telling))
    return sent


def test_a_write_goes_with_the_next_statement_which_sees_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messages(monkeypatch)
    with databases.blog.atomic():
        databases.blog.send_along(tag("one"))
        databases.blog.send_along(tag("two"))
        with captured_statements() as statements:
            assert slugs() == {"one", "two"}
    assert len(statements) == 3
    begin, second, commit = sent
    assert begin.startswith(b"BEGIN")
    assert second.count(b"INSERT") == 2
    assert b"SELECT" in second
    assert b"COMMIT" in commit


def test_a_write_that_nothing_follows_goes_with_commit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messages(monkeypatch)
    with databases.blog.atomic():
        databases.blog.send_along(tag("one"))
    assert [b"INSERT" in message and b"COMMIT" in message for message in sent] == [False, True]
    assert slugs() == {"one"}


def test_a_write_is_undone_with_its_savepoint_and_with_its_transaction(app: Flask) -> None:
    with databases.blog.atomic():
        databases.blog.send_along(tag("kept"))
        with pytest.raises(ZeroDivisionError), databases.blog.atomic():
            databases.blog.send_along(tag("undone"))
            raise ZeroDivisionError
        with databases.blog.atomic():
            databases.blog.send_along(tag("released"))
    with pytest.raises(ZeroDivisionError), databases.blog.atomic():
        databases.blog.send_along(tag("lost"))
        raise ZeroDivisionError
    assert slugs() == {"kept", "released"}


def test_a_write_that_fails_fails_what_it_goes_with(app: Flask) -> None:
    for end in (slugs, lambda: None):
        with pytest.raises(peewee.IntegrityError), databases.blog.atomic():
            databases.blog.send_along(tag("twice"))
            databases.blog.send_along(tag("twice"))
            end()
        assert slugs() == set()


def test_without_a_transaction_it_gets_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messages(monkeypatch)
    databases.blog.send_along(tag("one"))
    assert [b"INSERT" in message and b"COMMIT" in message for message in sent] == [False, True]
    assert slugs() == {"one"}


def test_a_record_goes_along_and_says_what_it_writes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messages(monkeypatch)
    with databases.blog.atomic():
        written = Tag.create(name="One", slug="one")
        written.change(name="Two")
        assert databases.blog.obj._touched.collections == {"tags", f"tags/{written.id}"}
        assert (Tag.get_by_id(written.id).name, Tag.get_by_id(written.id).version) == ("Two", 2)
    assert [message.count(b"INSERT") + message.count(b"UPDATE") for message in sent[:-1]] == [0, 2, 0]


def test_not_too_many_wait(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messages(monkeypatch)
    with databases.blog.atomic():
        for number in range(databases.servers.MOST_ALONG + 2):
            databases.blog.send_along(tag(f"tag-{number}"))
    assert [message.count(b"INSERT") for message in sent] == [0, databases.servers.MOST_ALONG + 1, 1]
