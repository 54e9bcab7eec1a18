"""The SQL log of development: every statement in full, with its time and its place."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import peewee
import pytest
from flask import Flask

from blog_app.blog.models import Tag
from blog_app.config import ConfigurationError, Settings
from blog_app.data import databases
from blog_app.data.databases import sql_log
from blog_app.data.models import now


def tag(name: str) -> peewee.Node:
    return Tag.insert(name=name, slug=name, created_at=now(), updated_at=now())


@pytest.fixture
def lines(app: Flask, caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns the logged statements, each with its fields; the blog has the setting."""
    server = databases.blog.obj
    databases.blog.obj = databases.server(replace(app.config["SETTINGS"], sql_log=True), "blog", server.url)
    caplog.set_level(logging.INFO, logger=sql_log.log.name)
    found = lambda: [(r.getMessage(), r.fields) for r in caplog.records if r.name == sql_log.log.name]  # noqa: E731
    yield found
    databases.blog.obj.discard()
    databases.blog.obj = server


def test_a_statement_is_logged_with_its_values_its_time_and_its_place(lines: Any) -> None:
    assert list(Tag.select().where(Tag.slug == "some 'thing'")) == []
    ((statement, fields),) = lines()
    assert "\"slug\" = 'some ''thing'''" in statement
    assert fields["milliseconds"] > 0
    assert fields["place"].startswith("tests/data/databases/test_sql_log.py:")


def test_pipelined_statements_are_logged_with_the_next_one_or_with_commit(lines: Any) -> None:
    with databases.blog.atomic():
        databases.blog.pipeline(tag("one"))
        assert Tag.select().where(Tag.slug == "one").count() == 1
        databases.blog.pipeline(tag("two"))
    messages = [statement for statement, _ in lines()]
    assert any("INSERT" in message and "'one'" in message and "SELECT COUNT" in message for message in messages)
    assert any("'two'" in message and message.endswith("COMMIT") for message in messages)


def test_a_statement_that_fails_is_logged_too(lines: Any) -> None:
    with pytest.raises(peewee.ProgrammingError):
        databases.blog.execute_sql("SELECT nothing_such")
    assert [statement for statement, _ in lines()] == ["SELECT nothing_such"]


def test_without_the_setting_connections_have_the_plain_cursor(app: Flask) -> None:
    assert "cursor_factory" not in databases.blog.obj.connect_params


def test_production_refuses_the_sql_log() -> None:
    environment = {"SECRET_KEY": "x" * 64, "DATABASE_URL": "postgresql://a@b/c", "SQL_LOG": "yes"}
    with pytest.raises(ConfigurationError, match="SQL_LOG=yes is for development"):
        Settings.from_environment(environment)
