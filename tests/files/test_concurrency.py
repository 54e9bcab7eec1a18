"""Several at once: no folder inside itself, no place taken twice, nothing stored twice or lost, nobody waits long."""

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
from tests.helpers.files import content, folder, paths
from tests.helpers.files_invariants import require_invariants
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall, has_lock_waiters, run_in_parallel

chance = random.Random(5)


def uploading(caller: Caller, name: str, data: bytes) -> Callable[[], int]:
    """Return a call that uploads a file and returns the status of the answer."""
    headers = {"Authorization": f"Bearer {caller.token}"}
    client = caller.app.test_client
    return lambda: client().post(f"{API}/files?name={name}", data=data, headers=headers).status_code


def forget() -> int:
    """Run the job that forgets, and return 0."""
    with databases.files.atomic():
        delete_unused()
    return 0


def lose_files() -> None:
    """Delete all files by hand, and let their contents be forgotten at once."""
    with databases.files.atomic():
        Node.delete().execute()
        Drive.update(used=None).execute()
        Content.update(unused_since=now().replace(year=2020)).execute()


def test_two_folders_moved_into_each_other_at_once_do_not_become_a_circle(app: Flask) -> None:
    ada = sign_up(app)
    for number in range(8):
        one, two = folder(ada, f"{number} one"), folder(ada, f"{number} two")
        inner = folder(ada, "inner", two)
        calls = [
            ada.deferred("PATCH", f"/files/{one['id']}", {"parent_id": inner["id"]}),
            ada.deferred("PATCH", f"/files/{two['id']}", {"parent_id": one["id"]}),
        ]
        assert Counter(run_in_parallel(*calls)) == {200: 1, 422: 1}
    require_invariants()


def test_moves_copies_trash_and_uploads_at_once_leave_a_tree(app: Flask) -> None:
    ada, admin = sign_up(app), sign_up(app, "admin")
    folders = [folder(ada, str(number)) for number in range(8)]
    calls: list[Callable[[], int]] = []
    for _ in range(25):
        one, two = chance.sample(folders, 2)
        who = chance.choice([ada, admin])
        address = f"/files/{one['id']}"
        calls += [
            who.deferred("PATCH", address, {"parent_id": chance.choice([two["id"], None])}),
            ada.deferred("PATCH", address, {"name": chance.choice("0123")}),
            ada.deferred("POST", f"{address}/copies", {"name": chance.choice("abcd"), "parent_id": two["id"]}),
            who.deferred("DELETE", address, None),
            who.deferred("PUT", f"{address}/restoration", {}),
            uploading(ada, chance.choice("xyz"), b"tea"),
        ]
    chance.shuffle(calls)
    assert set(run_in_parallel(*calls)) <= {200, 201, 204, 404, 409, 422}
    require_invariants()


def test_a_name_is_given_to_one_of_many(app: Flask) -> None:
    ada = sign_up(app)
    calls = [uploading(ada, name, data) for name in ("tea", "TEA") for data in (b"1", b"2", b"3", b"4")]
    assert Counter(run_in_parallel(*calls)) == {201: 1, 409: 7}
    assert len(paths(ada)) == 1
    require_invariants()


def test_contents_with_chunks_in_common_are_stored_at_once_and_once(app: Flask) -> None:
    people = [sign_up(app) for _ in range(8)]
    chunks = [chance.randbytes(CHUNK_BYTES) for _ in range(6)]
    orders = [chunks[turn:] + chunks[:turn] for turn in range(4)]
    calls = [uploading(who, str(n), b"".join(order)) for who in people for n, order in enumerate(orders)]
    chance.shuffle(calls)
    assert Counter(run_in_parallel(*calls)) == {201: 32}
    assert (Content.select().count(), Chunk.select().count()) == (4, 6)
    require_invariants()


def test_what_is_forgotten_and_sent_again_at_once_is_there(app: Flask) -> None:
    ada = sign_up(app)
    chunks = [chance.randbytes(CHUNK_BYTES) for _ in range(3)]
    bodies = [b"".join(chance.sample(chunks, 2)) for _ in range(6)]

    for turn in range(6):
        for number, body in enumerate(bodies):
            uploading(ada, f"{turn}-{number}", body)()
        lose_files()
        calls = [uploading(ada, f"again-{turn}-{number}", body) for number, body in enumerate(bodies[turn % 3 :])]
        calls += [forget] * 4
        chance.shuffle(calls)
        assert set(run_in_parallel(*calls)) == {0, 201}
        require_invariants()
        for file in ada.get("/files?limit=100").json["data"]:
            assert content(ada, file).data in bodies


def test_a_chunk_that_is_about_to_be_used_again_is_not_forgotten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = sign_up(app)
    chunk = chance.randbytes(CHUNK_BYTES)
    uploading(ada, "old", chunk)()
    lose_files()
    found, go_on, insert = threading.Event(), threading.Event(), Part.insert_many

    def pausing(rows: Any) -> Any:
        found.set()
        go_on.wait(TIMEOUT_SECONDS)
        return insert(rows)

    monkeypatch.setattr(Part, "insert_many", pausing)
    sent = BackgroundCall(uploading(ada, "new", chunk + b"more"))
    assert found.wait(TIMEOUT_SECONDS)
    forgotten = BackgroundCall(forget)
    assert wait_until(lambda: not forgotten.running or has_lock_waiters(databases.files), TIMEOUT_SECONDS)
    go_on.set()
    assert (sent.result(), forgotten.result()) == (201, 0)
    assert content(ada, ada.get("/files").json["data"][0]).data == chunk + b"more"
    require_invariants()
