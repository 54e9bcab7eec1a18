"""Account deletion and files, as the worker handles it."""

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
from tests.helpers.files import create_folder, paths, upload
from tests.helpers.programs import Program
from tests.shop.test_account_deletion import delete_account


def fill(caller: Caller) -> None:
    """Create some folders and files, and something in the trash."""
    inner = create_folder(caller, "Inner", create_folder(caller, "Top"))
    for number in range(3):
        upload(caller, f"{number}.txt", parent=inner)
    caller.delete(f"/files/{create_folder(caller, 'Trash', inner)['id']}")


def advance(days: float) -> None:
    Drive.update(closes_at=Drive.closes_at - timedelta(days=days)).execute()


def run_job() -> int:
    """Run the job until it has nothing more to do; return the number of runs."""
    for turns in range(100):
        with databases.files.atomic():
            if not empty_closed_drives():
                return turns
    raise AssertionError("the job does not end")


def node_count(caller: Caller) -> int:
    return Node.with_deleted().where(Node.owner_id == caller.user_id).count()


def test_files_of_a_deleted_user_are_deleted_after_the_grace_period(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "DELETE_BATCH_SIZE", 2)
    ada, other, admin = sign_up(app), sign_up(app), sign_up(app, "admin")
    fill(ada)
    fill(other)
    delete_account(app, ada)
    assert run_job() == 0
    advance(29.9)
    assert run_job() == 0
    assert len(paths(admin, f"&owner_id={ada.user_id}")) == 5
    advance(0.2)
    assert run_job() == 4
    assert (node_count(ada), node_count(other)) == (0, 6)
    assert not Drive.select().where(Drive.owner_id == ada.user_id).exists()
    assert run_job() == 0


def test_a_user_restored_in_time_has_all_their_files(app: Flask) -> None:
    ada, admin = sign_up(app), sign_up(app, "admin")
    fill(ada)
    delete_account(app, ada)
    admin.put(f"/users/{ada.user_id}/restoration")
    advance(31)
    run_job()
    assert node_count(ada) == 6
    assert Drive.get(Drive.owner_id == ada.user_id).closes_at is None


def test_files_created_after_their_owner_was_deleted_are_deleted_too(app: Flask) -> None:
    ada = sign_up(app)
    delete_account(app, ada)
    with app.app_context():
        Node.create(owner_id=ada.user_id, kind="folder", name="Late", path="/Late", key="/late")
    advance(31)
    run_job()
    assert node_count(ada) == 0


def test_a_second_worker_completes_the_deletion_of_a_killed_one(app: Flask, stack: Stack) -> None:
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
        cursor.execute(last, (ada.user_id,))  # Keeps the worker from finishing before it is killed.
        assert wait_until(lambda: node_count(ada) < 12_000, 60), worker.said
        worker.end(signal.SIGKILL)
        assert node_count(ada) > 0
    holder.close()
    with Program(*command, environment=environment) as worker:
        assert wait_until(lambda: not Drive.select().where(Drive.owner_id == ada.user_id).exists(), 60), worker.said
    assert (node_count(ada), node_count(other)) == (0, 6)
    assert DELIVERIES["accounts"].select().count() == 0
