"""Metadata of files and folders: stored, merged, copied, and found by their keys."""

from __future__ import annotations

from flask import Flask

from blog_app.api.resources.filters import json_filter
from blog_app.data import databases
from blog_app.files.models import Node
from tests.helpers.caller import Caller, sign_up


def names(caller: Caller, query: str) -> set[str]:
    return {node["name"] for node in caller.get(f"/files?{query}").json["data"]}


def test_a_folder_has_metadata_that_a_patch_merges_and_a_move_keeps(app: Flask) -> None:
    ada = sign_up(app)
    folder = ada.post("/folders", {"name": "Kettles", "metadata": {"colour": "red", "year": 1957}}).json
    inner = ada.post("/folders", {"name": "Parts", "parent_id": folder["id"]}).json
    assert (folder["metadata"], inner["metadata"]) == ({"colour": "red", "year": 1957}, {})
    path = f"/files/{folder['id']}"
    assert ada.patch(path, {"metadata": {"colour": None, "a": {"b": 1}}}).json["metadata"] == {
        "year": 1957,
        "a": {"b": 1},
    }
    assert ada.patch(path, {"name": "Pots"}).json["metadata"] == {"year": 1957, "a": {"b": 1}}
    assert ada.get(f"/files/{inner['id']}").json["metadata"] == {}
    assert ada.put(path, {"name": "Pots"}).json["metadata"] == {}
    for bad in ([], "x", {"a": "\x00"}, {"a": "x" * 30_000}, None):
        ada.put(path, {"name": "Pots", "metadata": bad}, status=422)


def test_a_copy_has_the_metadata_of_the_original_and_a_restored_one_its_own(app: Flask) -> None:
    ada = sign_up(app)
    folder = ada.post("/folders", {"name": "Kettles", "metadata": {"colour": "red"}}).json
    copied = ada.post(f"/files/{folder['id']}/copies", {"name": "Copy"}).json
    assert copied["metadata"] == {"colour": "red"}
    ada.delete(f"/files/{folder['id']}")
    assert ada.put(f"/files/{folder['id']}/restoration", {}).json["metadata"] == {"colour": "red"}


def test_an_uploaded_file_gets_metadata_afterwards_and_a_change_with_an_old_version_is_refused(app: Flask) -> None:
    ada = sign_up(app)
    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": "text/plain"}
    uploaded = app.test_client().post("/api/v1/files?name=a.txt", data=b"tea", headers=headers)
    path, tag = f"/files/{uploaded.json['id']}", uploaded.headers["ETag"]
    ada.patch(path, {"metadata": {"pages": 12}}, **{"If-Match": tag})
    ada.patch(path, {"metadata": {"pages": 13}}, status=412, **{"If-Match": tag})
    assert ada.get(path).json["metadata"] == {"pages": 12}


def test_files_and_folders_are_found_by_keys_of_their_metadata_by_an_index(app: Flask) -> None:
    ada = sign_up(app)
    ada.post("/folders", {"name": "Red", "metadata": {"colour": "red", "year": 1957, "tags": ["tea", "old"]}})
    ada.post("/folders", {"name": "Blue", "metadata": {"colour": "blue", "year": "1957"}})
    sign_up(app).post("/folders", {"name": "Not hers", "metadata": {"colour": "red"}})
    assert names(ada, "metadata[colour]=red") == {"Red"}
    assert names(ada, "metadata[year]=1957") == {"Red", "Blue"}
    assert names(ada, "metadata[tags]=tea") == {"Red"}
    ada.get("/files?metadata=red", status=400)
    with app.app_context(), databases.files.atomic():
        databases.files.execute_sql("SET LOCAL enable_seqscan = off")
        found = Node.with_deleted().select(Node.id).where(json_filter(Node.metadata).condition("colour", "red"))
        sql, values = found.sql()
        assert "nodes_metadata" in str(databases.files.execute_sql(f"EXPLAIN {sql}", values).fetchall())
