"""`Idempotency-Key`: one effect and one response, whatever happens in between."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.api.requests import idempotency
from blog_app.background import jobs
from blog_app.blog.models import Tag
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.development.local.process import wait_until
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.mails import register
from tests.helpers.objects import example_user

HELD_LOCKS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
KEY = {"Idempotency-Key": "0b51ad2e-1"}


@pytest.fixture
def author(app: Flask) -> Caller:
    return sign_up(app, "author")


def test_a_retry_gets_the_first_response_and_has_no_further_effect(author: Caller) -> None:
    first = author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY)
    again = author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY)
    assert again.data == first.data
    assert [again.headers[name] for name in ("ETag", "Location", "Content-Type")] == [
        first.headers[name] for name in ("ETag", "Location", "Content-Type")
    ]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(author.get("/posts").json["data"]) == 1


def test_a_different_request_with_the_same_key_is_rejected(author: Caller) -> None:
    author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY)
    author.post("/posts", {"title": "Coffee", "content": "Grind."}, status=422, **KEY)
    author.post("/posts?fields=id", {"title": "Tea", "content": "Boil."}, status=422, **KEY)
    author.post("/tags", {"name": "Tea"}, status=422, **KEY)


def test_two_callers_may_use_the_same_key(app: Flask, author: Caller) -> None:
    first = author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY).json
    assert sign_up(app, "author").post("/posts", {"title": "Tea", "content": "Boil."}, **KEY).json["id"] != first["id"]


def test_an_error_is_not_stored(app: Flask) -> None:
    editor = sign_up(app, "editor")
    existing = editor.post("/tags", {"name": "Tea"}).json
    editor.post("/tags", {"name": "tea"}, status=409, **KEY)
    editor.delete(f"/tags/{existing['id']}")
    editor.post("/tags", {"name": "tea"}, **KEY)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 101, "schlüssel"])
def test_a_malformed_key_is_rejected(author: Caller, key: str) -> None:
    author.post("/tags", {"name": "Tea"}, status=400, **{"Idempotency-Key": key})


def test_an_anonymous_caller_who_retries_a_confirmation_has_one_account(app: Flask) -> None:
    token = register(app)
    first, second = (anonymous(app).post("/users/confirmation", {"token": token}, status=200, **KEY) for _ in range(2))
    assert second.data == first.data


def test_a_response_with_a_secret_is_not_stored(app: Flask) -> None:
    with app.app_context():
        example_user()
    body = {"email": "ada@example.com", "password": "Correct-Horse-1"}
    first, second = (anonymous(app).post("/tokens", body, **KEY).json["token"] for _ in range(2))
    assert first != second
    with app.app_context():
        assert idempotency.STORED_RESPONSES["accounts"].select().count() == 0


def test_a_key_expires_after_a_day_and_its_row_is_purged(app: Flask, author: Caller) -> None:
    stored = idempotency.STORED_RESPONSES["blog"]
    first = author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY).json
    with app.app_context():
        stored.update(created_at=now() - idempotency.RETENTION - timedelta(minutes=1)).execute()
    second = author.post("/posts", {"title": "Tea", "content": "Boil."}, **KEY).json
    assert first["id"] != second["id"]
    with app.app_context(), databases.blog.atomic():
        assert idempotency.purge_idempotency_keys(databases.blog) is False
        assert stored.select().count() == 1
        stored.update(created_at=now() - idempotency.RETENTION - timedelta(minutes=1)).execute()
        idempotency.purge_idempotency_keys(databases.blog)
        assert stored.select().count() == 0


def test_the_worker_purges_the_keys_of_every_database() -> None:
    assert {f"{name}.purge_idempotency_keys" for name in DATABASE_NAMES} <= set(jobs.JOBS)


def create_tag_slowly(settings: Settings, token: str, pipe: Connection, before_commit: bool) -> None:
    """In a separate process: POST a tag; send a message when it takes effect, and wait for one before going on."""
    app = create_app(settings)
    inside = idempotency.run_once

    def pausing(*arguments: Any) -> Any:
        response = inside(*arguments)
        pipe.send("done")
        pipe.recv()
        return response

    if before_commit:
        idempotency.run_once = pausing
    response = Caller(app, token).post("/tags", {"name": "Tea"}, **KEY)
    pipe.send(response.json["id"])
    pipe.recv()


@contextmanager
def started(settings: Settings, token: str | None, *, before_commit: bool) -> Iterator[tuple[Any, Connection]]:
    """Run `create_tag_slowly` in a process during the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=create_tag_slowly, args=(settings, token, theirs, before_commit))
    process.start()
    theirs.close()  # So that its end closes the pipe.
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def receive(pipe: Connection) -> Any:
    """Return the next message of the process."""
    assert pipe.poll(60), "no message"
    return pipe.recv()


def test_a_retry_while_the_first_request_runs_in_another_process_is_a_409(settings: Settings, author: Caller) -> None:
    with started(settings, author.token, before_commit=True) as (_, pipe):
        assert receive(pipe) == "done"
        refused = author.post("/tags", {"name": "Tea"}, status=409, **KEY)
        assert refused.headers["Retry-After"] == "1"
        pipe.send("go on")
        created = receive(pipe)  # After the commit: until then, a retry is a 409.
        assert author.post("/tags", {"name": "Tea"}, **KEY).json["id"] == created


@pytest.mark.parametrize("before_commit", [True, False])
def test_a_killed_process_leaves_both_the_effect_and_the_stored_response_or_neither(
    settings: Settings, author: Caller, before_commit: bool
) -> None:
    with started(settings, author.token, before_commit=before_commit) as (process, pipe):
        message = receive(pipe)
        process.kill()
    with author.app.app_context():
        # The server frees the key when it notices that its client is gone.
        assert wait_until(lambda: not databases.blog.execute_sql(HELD_LOCKS).fetchone(), 60)
    retried = author.post("/tags", {"name": "Tea"}, **KEY)
    with author.app.app_context():
        assert [str(tag.id) for tag in Tag.select()] == [retried.json["id"]]
    assert (retried.headers.get("Idempotency-Replayed"), retried.json["id"] == message) == (
        (None, False) if before_commit else ("true", True)
    )
