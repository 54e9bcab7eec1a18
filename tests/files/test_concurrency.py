"""Concurrent changes of files: no cycles, no duplicate paths, nothing lost or stored twice, no deadlocks."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.data.models import now
from blog_app.development.local.process import wait_until
from blog_app.files.contents import delete_unused
from blog_app.files.models import Chunk, Content, Drive, Node, Part
from blog_app.files.storage import CHUNK_BYTES
from tests.helpers.caller import API, Caller, sign_up
from tests.helpers.files import create_folder, download, paths
from tests.helpers.files_invariants import require_invariants
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall, has_lock_waiters, run_in_parallel

chance = random.Random(5)


def uploading(caller: Caller, name: str, data: bytes) -> Callable[[], int]:
    """Return a call that uploads a file and returns the status of the response."""
    headers = {"Authorization": f"Bearer {caller.token}"}
    client = caller.app.test_client
    return lambda: client().post(f"{API}/files?name={name}", data=data, headers=headers).status_code


def collect() -> int:
    """Delete unused contents once, and return 0."""
    with databases.files.atomic():
        delete_unused()
    return 0


def orphan_contents() -> None:
    """Delete all files, so that their contents are due for deletion."""
    with databases.files.atomic():
        Node.delete().execute()
        Drive.update(used=None).execute()
        Content.update(unused_since=now().replace(year=2020)).execute()


def test_concurrent_moves_of_two_folders_into_each_other_make_no_cycle(app: Flask) -> None:
    ada = sign_up(app)
    for number in range(8):
        one, two = create_folder(ada, f"{number} one"), create_folder(ada, f"{number} two")
        inner = create_folder(ada, "inner", two)
        calls = [
            ada.deferred("PATCH", f"/files/{one['id']}", {"parent_id": inner["id"]}),
            ada.deferred("PATCH", f"/files/{two['id']}", {"parent_id": one["id"]}),
        ]
        assert Counter(run_in_parallel(*calls)) == {200: 1, 422: 1}
    require_invariants()


def test_concurrent_moves_copies_deletions_and_uploads_leave_a_tree(app: Flask) -> None:
    ada, admin = sign_up(app), sign_up(app, "admin")
    folders = [create_folder(ada, str(number)) for number in range(8)]
    calls: list[Callable[[], int]] = []
    for _ in range(25):
        one, two = chance.sample(folders, 2)
        who = chance.choice([ada, admin])
        url = f"/files/{one['id']}"
        calls += [
            who.deferred("PATCH", url, {"parent_id": chance.choice([two["id"], None])}),
            ada.deferred("PATCH", url, {"name": chance.choice("0123")}),
            ada.deferred("POST", f"{url}/copies", {"name": chance.choice("abcd"), "parent_id": two["id"]}),
            who.deferred("DELETE", url, None),
            who.deferred("PUT", f"{url}/restoration", {}),
            uploading(ada, chance.choice("xyz"), b"tea"),
        ]
    chance.shuffle(calls)
    assert set(run_in_parallel(*calls)) <= {200, 201, 204, 404, 409, 422}
    require_invariants()


def test_of_concurrent_uploads_with_one_name_one_succeeds(app: Flask) -> None:
    ada = sign_up(app)
    calls = [uploading(ada, name, data) for name in ("tea", "TEA") for data in (b"1", b"2", b"3", b"4")]
    assert Counter(run_in_parallel(*calls)) == {201: 1, 409: 7}
    assert len(paths(ada)) == 1
    require_invariants()


def test_concurrent_uploads_store_common_chunks_once(app: Flask) -> None:
    people = [sign_up(app) for _ in range(8)]
    chunks = [chance.randbytes(CHUNK_BYTES) for _ in range(6)]
    orders = [chunks[turn:] + chunks[:turn] for turn in range(4)]
    calls = [uploading(who, str(n), b"".join(order)) for who in people for n, order in enumerate(orders)]
    chance.shuffle(calls)
    assert Counter(run_in_parallel(*calls)) == {201: 32}
    assert (Content.select().count(), Chunk.select().count()) == (4, 6)
    require_invariants()


def test_contents_uploaded_again_during_their_deletion_are_there(app: Flask) -> None:
    ada = sign_up(app)
    chunks = [chance.randbytes(CHUNK_BYTES) for _ in range(3)]
    bodies = [b"".join(chance.sample(chunks, 2)) for _ in range(6)]

    for turn in range(6):
        for number, body in enumerate(bodies):
            uploading(ada, f"{turn}-{number}", body)()
        orphan_contents()
        calls = [uploading(ada, f"again-{turn}-{number}", body) for number, body in enumerate(bodies[turn % 3 :])]
        calls += [collect] * 4
        chance.shuffle(calls)
        assert set(run_in_parallel(*calls)) == {0, 201}
        require_invariants()
        for file in ada.get("/files?limit=100").json["data"]:
            assert download(ada, file).data in bodies


def test_a_chunk_that_an_upload_is_about_to_use_is_not_deleted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = sign_up(app)
    chunk = chance.randbytes(CHUNK_BYTES)
    uploading(ada, "old", chunk)()
    orphan_contents()
    found, go_on, insert = threading.Event(), threading.Event(), Part.insert_many

    def pausing(rows: Any) -> Any:
        found.set()
        go_on.wait(TIMEOUT_SECONDS)
        return insert(rows)

    monkeypatch.setattr(Part, "insert_many", pausing)
    sent = BackgroundCall(uploading(ada, "new", chunk + b"more"))
    assert found.wait(TIMEOUT_SECONDS)
    collected = BackgroundCall(collect)
    assert wait_until(lambda: not collected.running or has_lock_waiters(databases.files), TIMEOUT_SECONDS)
    go_on.set()
    assert (sent.result(), collected.result()) == (201, 0)
    assert download(ada, ada.get("/files").json["data"][0]).data == chunk + b"more"
    require_invariants()
