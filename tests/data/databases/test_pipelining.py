"""Pipelined statements: a write goes in one message with the next statement, and fails with it."""

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


def sent_messages(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list to which each message of this thread is added; other threads renew leases."""
    sent: list[bytes] = []
    here = threading.get_ident()

    class RecordingCursor(databases.servers.psycopg2.extensions.cursor):
        def execute(self, query, params=None):
            if threading.get_ident() == here:
                sent.append(self.mogrify(query, params))
            return super().execute(query, params)

    server = databases.blog.obj
    monkeypatch.setattr(server, "cursor", lambda: server.connection().cursor(cursor_factory=RecordingCursor))
    return sent


def test_a_pipelined_write_goes_with_the_next_statement_which_sees_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_messages(monkeypatch)
    with databases.blog.atomic():
        databases.blog.pipeline(tag("one"))
        databases.blog.pipeline(tag("two"))
        with captured_statements() as statements:
            assert slugs() == {"one", "two"}
    assert len(statements) == 3
    begin, second, commit = sent
    assert begin.startswith(b"BEGIN")
    assert second.count(b"INSERT") == 2
    assert b"SELECT" in second
    assert b"COMMIT" in commit


def test_a_pipelined_write_without_a_next_statement_goes_with_commit(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_messages(monkeypatch)
    with databases.blog.atomic():
        databases.blog.pipeline(tag("one"))
    assert [b"INSERT" in message and b"COMMIT" in message for message in sent] == [False, True]
    assert slugs() == {"one"}


def test_a_rollback_of_the_savepoint_or_the_transaction_undoes_a_pipelined_write(app: Flask) -> None:
    with databases.blog.atomic():
        databases.blog.pipeline(tag("kept"))
        with pytest.raises(ZeroDivisionError), databases.blog.atomic():
            databases.blog.pipeline(tag("undone"))
            raise ZeroDivisionError
        with databases.blog.atomic():
            databases.blog.pipeline(tag("released"))
    with pytest.raises(ZeroDivisionError), databases.blog.atomic():
        databases.blog.pipeline(tag("lost"))
        raise ZeroDivisionError
    assert slugs() == {"kept", "released"}


def test_a_pipelined_write_that_fails_fails_the_next_statement(app: Flask) -> None:
    for end in (slugs, lambda: None):
        with pytest.raises(peewee.IntegrityError), databases.blog.atomic():
            databases.blog.pipeline(tag("twice"))
            databases.blog.pipeline(tag("twice"))
            end()
        assert slugs() == set()


def test_a_pipelined_write_outside_a_transaction_gets_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sent_messages(monkeypatch)
    databases.blog.pipeline(tag("one"))
    assert [b"INSERT" in message and b"COMMIT" in message for message in sent] == [False, True]
    assert slugs() == {"one"}


def test_a_record_is_saved_by_pipelined_writes_that_declare_their_collections(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_messages(monkeypatch)
    with databases.blog.atomic():
        written = Tag.create(name="One", slug="one")
        written.change(name="Two")
        assert databases.blog.obj._transaction.written == {"tags", f"tags/{written.id}"}
        assert (Tag.get_by_id(written.id).name, Tag.get_by_id(written.id).version) == ("Two", 2)
    assert [message.count(b"INSERT") + message.count(b"UPDATE") for message in sent[:-1]] == [0, 2, 0]


def test_the_number_of_pipelined_writes_is_limited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sent_messages(monkeypatch)
    with databases.blog.atomic():
        for number in range(databases.servers.MAX_PIPELINED + 2):
            databases.blog.pipeline(tag(f"tag-{number}"))
    assert [message.count(b"INSERT") for message in sent] == [0, databases.servers.MAX_PIPELINED + 1, 1]
