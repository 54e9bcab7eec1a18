"""What becomes of files when their owner leaves, as the worker does it."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta

import psycopg2
import pytest
from flask import Flask

from blog_app.background.outbox.tables import DELIVERIES
from blog_app.data import databases
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from blog_app.files import handlers
from blog_app.files.handlers import empty_closed_drives
from blog_app.files.models import Drive, Node
from tests.helpers.caller import Caller, sign_up
from tests.helpers.files import folder, paths, upload
from tests.helpers.programs import Program
from tests.shop.test_account_deletion import leave


def fill(caller: Caller) -> None:
    """Let somebody have some folders and files, and something in the trash."""
    inner = folder(caller, "Inner", folder(caller, "Top"))
    for number in range(3):
        upload(caller, f"{number}.txt", parent=inner)
    caller.delete(f"/files/{folder(caller, 'Trash', inner)['id']}")


def days_pass(days: float) -> None:
    Drive.update(closes_at=Drive.closes_at - timedelta(days=days)).execute()


def work() -> int:
    """Run the job as often as it wants; return how often that was."""
    for turns in range(100):
        with databases.files.atomic():
            if not empty_closed_drives():
                return turns
    raise AssertionError("the job never ends")


def has(caller: Caller) -> int:
    return Node.with_deleted().where(Node.owner_id == caller.user_id).count()


def test_files_go_when_the_grace_is_over_and_not_before(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "DELETE_BATCH_SIZE", 2)
    ada, other, admin = sign_up(app), sign_up(app), sign_up(app, "admin")
    fill(ada)
    fill(other)
    leave(app, ada)
    assert work() == 0
    days_pass(29.9)
    assert work() == 0
    assert len(paths(admin, f"&owner_id={ada.user_id}")) == 5
    days_pass(0.2)
    assert work() == 4
    assert (has(ada), has(other)) == (0, 6)
    assert not Drive.select().where(Drive.owner_id == ada.user_id).exists()
    assert work() == 0


def test_who_comes_back_in_time_has_everything(app: Flask) -> None:
    ada, admin = sign_up(app), sign_up(app, "admin")
    fill(ada)
    leave(app, ada)
    admin.put(f"/users/{ada.user_id}/restoration")
    days_pass(31)
    work()
    assert has(ada) == 6
    assert Drive.get(Drive.owner_id == ada.user_id).closes_at is None


def test_what_arrives_after_its_owner_has_left_goes_too(app: Flask) -> None:
    ada = sign_up(app)
    leave(app, ada)
    with app.app_context():
        Node.create(owner_id=ada.user_id, kind="folder", name="Late", path="/Late", key="/late")
    days_pass(31)
    work()
    assert has(ada) == 0


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_one_that_ends_it(app: Flask, stack: Stack) -> None:
    ada, other = sign_up(app), sign_up(app)
    fill(other)
    row = {"owner_id": ada.user_id, "kind": "folder", "name": "x"}
    Node.insert_many([{**row, "path": f"/{number}", "key": f"/{number}"} for number in range(12_000)]).execute()
    ada.delete("/me")
    environment = os.environ | stack.environment() | {"APP_MODE": "test", "FILES_GRACE_DAYS": "0"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
    with (
        psycopg2.connect(stack.environment()["FILES_DIRECT_URL"]) as holder,
        holder.cursor() as cursor,
        Program(*command, environment=environment) as worker,
    ):
        last = "SELECT FROM files.nodes WHERE owner_id = %s AND key = '/0' FOR UPDATE"
        cursor.execute(last, (ada.user_id,))  # So that it does not come to the end before it is killed.
        assert wait_until(lambda: has(ada) < 12_000, 60), worker.said
        worker.end(signal.SIGKILL)
        assert has(ada) > 0
    holder.close()
    with Program(*command, environment=environment) as worker:
        assert wait_until(lambda: not Drive.select().where(Drive.owner_id == ada.user_id).exists(), 60), worker.said
    assert (has(ada), has(other)) == (0, 6)
    assert DELIVERIES["accounts"].select().count() == 0
