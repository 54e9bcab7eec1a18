"""The storage quota: what counts, what is refused, and concurrent uploads."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from blog_app.files.models import Chunk, Content, Drive, Node
from tests.files.test_concurrency import uploading
from tests.helpers.caller import Caller, sign_up
from tests.helpers.files import TEXT, create_folder, download, send_bytes, upload, upload_as_form
from tests.helpers.files_invariants import require_invariants
from tests.helpers.threads import run_in_parallel

QUOTA = 100


@pytest.fixture
def app_with_quota(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app, with a quota of a hundred bytes."""
    set_quota(app, monkeypatch, QUOTA)
    return app


@pytest.fixture
def ada(app_with_quota: Flask) -> Caller:
    return sign_up(app_with_quota, name="Ada")


def set_quota(app: Flask, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], files_quota_bytes=most))


def used(caller: Caller) -> int:
    require_invariants()
    return int(caller.get("/me/storage").json["used"])


def put(caller: Caller, file: dict[str, Any], data: bytes, status: int) -> None:
    send_bytes(caller, "PUT", f"/files/{file['id']}/content", data, status=status)


def test_folders_use_no_storage(ada: Caller) -> None:
    assert ada.get("/me/storage").json == {"limit": QUOTA, "used": 0, "left": QUOTA}
    create_folder(ada, "Tea")
    assert ada.get("/me/storage").json == {"limit": QUOTA, "used": 0, "left": QUOTA}


def test_the_quota_is_exact_to_the_byte(ada: Caller) -> None:
    upload(ada, "1", bytes(60))
    stored = Content.select().count(), Chunk.select().count()
    for send in (upload, upload_as_form):
        problem = send(ada, "2", b"x" * 41, status=409)
        assert problem["type"] == "/problems/conflict"
        assert all(f" {number} " in problem["detail"] for number in (41, QUOTA, 60))
    assert (Content.select().count(), Chunk.select().count()) == stored
    upload(ada, "2", b"x" * 40)
    upload(ada, "nothing", b"")
    assert ada.get("/me/storage").json == {"limit": QUOTA, "used": QUOTA, "left": 0}


def test_deduplicated_contents_count_for_each_owner(ada: Caller) -> None:
    bob = sign_up(ada.app)
    upload(ada, "1", bytes(80))
    upload(bob, "1", bytes(80))
    upload(bob, "2", bytes(80), status=409)
    assert (used(ada), used(bob)) == (80, 80)


def test_copies_count_with_their_full_size(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    upload(ada, "1", bytes(30), tea)
    file = upload(ada, "2", bytes(15), tea)
    ada.post(f"/files/{tea['id']}/copies", {"name": "More tea"})
    assert used(ada) == 90
    problem = ada.post(f"/files/{file['id']}/copies", {"name": "3"}, status=409).json
    assert " 15 bytes more" in problem["detail"]
    assert Node.select().count() == 6
    assert used(ada) == 90


def test_replacing_content_needs_room_for_the_difference_only(ada: Caller) -> None:
    one, two = upload(ada, "1", bytes(50)), upload(ada, "2", bytes(40))
    put(ada, one, bytes(61), 409)
    assert download(ada, one).data == bytes(50)
    put(ada, one, bytes(60), 200)
    put(ada, two, bytes(1), 200)
    assert used(ada) == 61


def test_the_trash_counts_until_it_is_emptied(ada: Caller) -> None:
    first, second = upload(ada, "1", bytes(50)), upload(ada, "2", bytes(50))
    for file in (first, second):
        ada.delete(f"/files/{file['id']}")
    assert "trash" in upload(ada, "3", TEXT, status=409)["detail"]
    ada.put(f"/files/{first['id']}/restoration")
    assert used(ada) == QUOTA
    ada.delete(f"/files/{second['id']}/remains")
    assert used(ada) == 50
    ada.delete(f"/files/{first['id']}")
    ada.delete("/trash")
    assert used(ada) == 0


def test_files_changed_by_an_admin_count_for_their_owner(ada: Caller) -> None:
    admin = sign_up(ada.app, "admin")
    file = upload(ada, "1", bytes(50))
    admin.post(f"/files/{file['id']}/copies", {"name": "2"})
    admin.post(f"/files/{file['id']}/copies", {"name": "3"}, status=409)
    put(admin, file, bytes(51), 409)
    assert (used(ada), used(admin)) == (QUOTA, 0)


def test_existing_files_stay_when_the_quota_is_lowered(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    file = upload(ada, "1", bytes(90))
    set_quota(ada.app, monkeypatch, 20)
    assert ada.get("/me/storage").json == {"limit": 20, "used": 90, "left": 0}
    upload(ada, "2", b"x", status=409)
    put(ada, file, bytes(80), 200)
    ada.patch(f"/files/{file['id']}", {"name": "3"})
    upload(ada, "empty", b"")
    assert used(ada) == 80


def test_without_a_quota_any_upload_succeeds(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    set_quota(app, monkeypatch, 0)
    ada = sign_up(app)
    upload(ada, "1", bytes(200))
    assert ada.get("/me/storage").json == {"limit": None, "used": 200, "left": None}


def test_a_retry_with_an_idempotency_key_succeeds_when_the_drive_is_full(ada: Caller) -> None:
    first = upload(ada, "1", bytes(QUOTA), **{"Idempotency-Key": "one"})
    assert upload(ada, "1", bytes(QUOTA), **{"Idempotency-Key": "one"}) == first


def test_the_usage_of_a_drive_without_a_total_is_computed(ada: Caller) -> None:
    file = upload(ada, "1", bytes(60))
    Drive.update(used=None).execute()
    assert used(ada) == 60
    upload(ada, "2", bytes(41), status=409)
    ada.delete(f"/files/{file['id']}")
    ada.delete("/trash")
    assert Drive.get().used == 0


def test_concurrent_uploads_and_copies_never_exceed_the_quota(ada: Caller) -> None:
    for size in (60, 51):
        uploads = [uploading(ada, f"{n} of {size}", random.randbytes(size)) for n in range(2)]
        assert Counter(run_in_parallel(*uploads)) == {201: 1, 409: 1}
        (file,) = ada.get("/files").json["data"]
        ada.delete(f"/files/{file['id']}")
        ada.delete("/trash")
    file = upload(ada, "source", bytes(10))
    copies = [ada.deferred("POST", f"/files/{file['id']}/copies", {"name": str(n)}) for n in range(8)]
    uploads = [uploading(ada, f"upload {n}", random.randbytes(10)) for n in range(8)]
    assert Counter(run_in_parallel(*(call for pair in zip(copies, uploads, strict=True) for call in pair))) == {
        201: 9,
        409: 7,
    }
    assert used(ada) == QUOTA
