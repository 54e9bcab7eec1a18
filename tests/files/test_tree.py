"""The tree of folders and files: names, paths, moves, copies, the trash."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.files.models import Node, below
from blog_app.files.names import MAX_DEPTH
from tests.helpers import audit_entries
from tests.helpers.caller import Caller, sign_up
from tests.helpers.files import create_folder, download, paths, upload


@pytest.fixture
def ada(app: Flask) -> Caller:
    return sign_up(app, name="Ada")


def problem(found: dict) -> tuple[int, str]:
    """Return the status of a problem, and the field of its first error."""
    error = found["errors"][0]
    return found["status"], error.get("pointer") or error["parameter"]


def test_the_folder_is_included(ada: Caller) -> None:
    kettles = create_folder(ada, "Kettles")
    old = create_folder(ada, "Old", kettles)
    parent = {name: kettles[name] for name in ("id", "name", "path")}
    assert ada.get(f"/files/{old['id']}?include=parent").json["parent"] == parent
    listed = ada.get("/files?include=parent&fields=name&sort=name").json["data"]
    assert listed == [{"name": "Kettles", "parent": None}, {"name": "Old", "parent": parent}]
    ada.patch(f"/files/{kettles['id']}", {"name": "Pots"})
    assert ada.get(f"/files/{old['id']}?include=parent").json["parent"]["path"] == "/Pots"


def test_a_folder_is_renamed_and_moved_with_its_subtree(ada: Caller) -> None:
    kettles, pots = create_folder(ada, "Kettles"), create_folder(ada, "Pots")
    old = create_folder(ada, "Old", kettles)
    upload(ada, "Manual.txt", parent=old)
    upload(ada, "Kettles.txt")

    moved = ada.patch(f"/files/{old['id']}", {"name": "100% _old_", "parent_id": pots["id"]}).json

    assert moved["path"] == "/Pots/100% _old_"
    assert paths(ada) == ["/Kettles", "/Kettles.txt", "/Pots", "/Pots/100% _old_", "/Pots/100% _old_/Manual.txt"]
    ada.patch(f"/files/{pots['id']}", {"name": "pots"})
    assert paths(ada)[2:] == ["/pots", "/pots/100% _old_", "/pots/100% _old_/Manual.txt"]


@pytest.mark.parametrize("place", ["itself", "its child", "its grandchild"])
def test_a_folder_cannot_be_moved_or_copied_into_itself(ada: Caller, place: str) -> None:
    top = create_folder(ada, "Top")
    child = create_folder(ada, "Child", top)
    to = {"itself": top, "its child": child, "its grandchild": create_folder(ada, "Grandchild", child)}[place]
    for method, path in (("PATCH", f"/files/{top['id']}"), ("POST", f"/files/{top['id']}/copies")):
        refused = ada.send(method, path, {"name": "Top", "parent_id": to["id"]}, status=422).json
        assert problem(refused) == (422, "/parent_id")
    assert ada.get(f"/files/{top['id']}").json["path"] == "/Top"


def test_names_are_unique_regardless_of_case_and_normal_form(ada: Caller) -> None:
    create_folder(ada, "Caf\u00e9")
    assert problem(create_folder(ada, "CAFE\u0301", status=409)) == (409, "/name")
    assert problem(upload(ada, "cafe\u0301", status=409)) == (409, "/name")
    create_folder(ada, "Cafe")
    create_folder(sign_up(ada.app), "Caf\u00e9")


@pytest.mark.parametrize(
    "name", ["", "  ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\r\nX-Evil: 1", "a\x00b", "\u202etxt.exe", "x" * 256]
)
def test_invalid_names_are_refused(ada: Caller, name: str) -> None:
    kept = create_folder(ada, "StoredContent")
    assert problem(create_folder(ada, name, status=422)) == (422, "/name")
    assert problem(upload(ada, name, status=400)) == (400, "name")
    assert problem(ada.patch(f"/files/{kept['id']}", {"name": name}, status=422).json) == (422, "/name")
    assert paths(ada) == ["/StoredContent"]


@pytest.mark.parametrize("name", ["x" * 255, "\U0001f375" * 255, 'don\'t "quote"; me=1', "...", "-rf *", "ẞ" * 255])
def test_unusual_names_are_allowed(ada: Caller, name: str) -> None:
    assert upload(ada, name)["name"] == name
    found = ada.get("/files", status=200)
    assert [each["name"] for each in found.json["data"]] == [name]


def test_the_depth_and_the_length_of_paths_are_limited(ada: Caller) -> None:
    top = inner = create_folder(ada, "f")
    for _ in range(MAX_DEPTH - 1):
        inner = create_folder(ada, "f", inner)
    assert problem(create_folder(ada, "f", inner, status=422)) == (422, "/parent_id")
    other = create_folder(ada, "other")
    move = {"parent_id": other["id"]}
    assert problem(ada.patch(f"/files/{top['id']}", move, status=422).json) == (422, "/parent_id")
    long = None
    for _ in range(7):
        long = create_folder(ada, "x" * 255, long)
    assert problem(create_folder(ada, "x" * 255, long, status=422)) == (422, "/name")


def test_files_are_found_by_path_and_below_a_path(ada: Caller) -> None:
    tea = create_folder(ada, "Tea_1")
    upload(ada, "Green.txt", parent=create_folder(ada, "Sorts", tea))
    create_folder(ada, "TeaX1")
    assert paths(ada, "&path=/tea_1/SORTS") == ["/Tea_1/Sorts"]
    assert paths(ada, "&under=/tea_1") == ["/Tea_1/Sorts", "/Tea_1/Sorts/Green.txt"]
    assert len(paths(ada, "&under=/")) == 4
    assert paths(ada, f"&parent_id={tea['id']}") == ["/Tea_1/Sorts"]
    assert paths(ada, "&parent_id[is_null]=true") == paths(ada, "&name[starts_with]=tea")


def test_a_subtree_is_one_index_range(ada: Caller) -> None:
    names = {"owner_id": ada.user_id, "kind": "folder", "name": "x"}
    rows = [{**names, "path": f"/{number % 50}/{number}", "key": f"/{number % 50}/{number}"} for number in range(3_000)]
    Node.insert_many(rows).execute()
    databases.files.execute_sql("ANALYZE files.nodes")
    sql, parameters = Node.select().where(Node.owner_id == ada.user_id, below("/7")).sql()
    plan = "".join(row[0] for row in databases.files.execute_sql(f"EXPLAIN {sql}", parameters).fetchall())
    assert "nodes_place" in plan
    assert "key ~>=~ '/7/'" in plan


@pytest.mark.parametrize("path", ["a", "/a/../b", "/a//b", "/%00", "/.", "/" + "a/" * 5_000, "/" + "x" * 256])
def test_invalid_paths_are_refused(ada: Caller, path: str) -> None:
    for parameter in ("path", "under"):
        assert problem(ada.get(f"/files?{parameter}={path}", status=400).json) == (400, parameter)


def test_a_copy_has_the_same_contents_and_its_own_path(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    inner = create_folder(ada, "Sorts", tea)
    file = upload(ada, "Green.txt", parent=inner)
    response = ada.post(f"/files/{tea['id']}/copies", {"name": "Tea 2"})
    assert ada.get(response.headers["Location"].removeprefix("/api/v1")).json == response.json
    assert paths(ada, "&under=/tea 2") == ["/Tea 2/Sorts", "/Tea 2/Sorts/Green.txt"]
    copied = ada.get("/files?path=/tea 2/sorts/green.txt").json["data"][0]
    assert (copied["sha256"], copied["size"]) == (file["sha256"], file["size"])
    assert copied["id"] != file["id"]
    ada.delete(f"/files/{tea['id']}")
    assert download(ada, copied).data == b"Boil water, and warm the pot."
    taken = {"name": "green.TXT", "parent_id": copied["parent_id"]}
    assert problem(ada.post(f"/files/{copied['id']}/copies", taken, status=409).json) == (409, "/name")


def test_files_deleted_together_are_restored_together(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    first, second = upload(ada, "1.txt", parent=tea), upload(ada, "2.txt", parent=tea)
    ada.delete(f"/files/{first['id']}")
    ada.delete(f"/files/{tea['id']}")
    assert paths(ada) == []
    assert [each["name"] for each in ada.get("/trash?sort=name").json["data"]] == ["1.txt", "Tea"]
    ada.get(f"/files/{second['id']}", status=404)
    ada.get(f"/files/{second['id']}/content", status=404)
    ada.put(f"/files/{second['id']}/restoration", status=404)
    assert ada.put(f"/files/{tea['id']}/restoration").json["path"] == "/Tea"
    assert paths(ada) == ["/Tea", "/Tea/2.txt"]
    ada.patch(f"/files/{tea['id']}", {"name": "Coffee"})
    assert ada.put(f"/files/{first['id']}/restoration").json["path"] == "/Coffee/1.txt"
    assert download(ada, first).data


def test_restoring_onto_a_taken_name_is_a_conflict_unless_another_is_given(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    upload(ada, "1.txt", parent=tea)
    ada.delete(f"/files/{tea['id']}")
    other = create_folder(ada, "tea")
    url = f"/files/{tea['id']}/restoration"
    assert problem(ada.put(url, status=409).json) == (409, "/name")
    assert problem(ada.put(url, {"parent_id": tea["id"]}, status=422).json) == (422, "/parent_id")
    assert ada.put(url, {"parent_id": other["id"]}).json["path"] == "/tea/Tea"
    assert paths(ada) == ["/tea", "/tea/Tea", "/tea/Tea/1.txt"]
    ada.delete(f"/files/{tea['id']}")
    assert ada.put(url, {"name": "More", "parent_id": None}).json["path"] == "/More"
    assert ada.put(url).json["path"] == "/More"


def test_a_file_whose_folder_is_gone_is_restored_at_the_top(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    files = [upload(ada, f"{number}.txt", parent=tea) for number in (1, 2)]
    for each in (*files, tea):
        ada.delete(f"/files/{each['id']}")
    assert ada.put(f"/files/{files[0]['id']}/restoration").json["path"] == "/1.txt"
    ada.delete(f"/files/{tea['id']}/remains")
    assert ada.put(f"/files/{files[1]['id']}/restoration").json["path"] == "/2.txt"


def test_emptying_the_trash_affects_only_ones_own(ada: Caller) -> None:
    other = sign_up(ada.app)
    for who in (ada, other):
        tea = create_folder(who, "Tea")
        upload(who, "1.txt", parent=tea)
        who.delete(f"/files/{tea['id']}")
        upload(who, "kept.txt")
    kept = ada.get("/files").json["data"][0]
    ada.delete(f"/files/{kept['id']}/remains", status=409)
    ada.delete("/trash")
    assert [len(who.get("/trash").json["data"]) for who in (ada, other)] == [0, 1]
    assert paths(ada) == ["/kept.txt"]
    assert Node.with_deleted().where(Node.owner_id == ada.user_id).count() == 1


def test_an_update_of_a_moved_file_with_its_old_etag_is_refused(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    read = ada.get(f"/files/{tea['id']}").headers["ETag"]
    ada.patch(f"/files/{tea['id']}", {"name": "Coffee"})
    ada.patch(f"/files/{tea['id']}", {"name": "Milk"}, status=412, **{"If-Match": read})
    ada.delete(f"/files/{tea['id']}", status=412, **{"If-Match": read})


def test_nothing_can_be_put_into_another_users_folder(ada: Caller) -> None:
    mallory, admin = sign_up(ada.app), sign_up(ada.app, "admin")
    tea, own = create_folder(ada, "Tea"), create_folder(mallory, "Own")
    assert problem(create_folder(mallory, "In", tea, status=422)) == (422, "/parent_id")
    assert problem(upload(mallory, "In", parent=tea, status=422)) == (422, "/parent_id")
    mallory.patch(f"/files/{own['id']}", {"parent_id": tea["id"]}, status=422)
    admin.patch(f"/files/{own['id']}", {"parent_id": tea["id"]}, status=422)
    assert admin.patch(f"/files/{own['id']}", {"name": "Found"}).json["owner_id"] == mallory.user_id
    assert problem(create_folder(ada, "In", upload(ada, "file.txt"), status=422)) == (422, "/parent_id")


def test_the_audit_trail_records_changes_without_names(ada: Caller) -> None:
    tea, pots = create_folder(ada, "Tea"), create_folder(ada, "Pots")
    url = f"/files/{tea['id']}"
    audit_entries.discard_pending()
    ada.patch(url, {"name": "Secret", "parent_id": pots["id"]})
    ada.delete(url)
    ada.put(f"{url}/restoration")
    ada.delete(url)
    ada.delete(f"{url}/remains")
    entries = audit_entries.pending()
    assert {(entry["subject_id"], entry["owner_id"]) for entry in entries} == {(tea["id"], ada.user_id)}
    moved, trashed, restored, _, purged = (entry["changes"] for entry in entries)
    assert moved == {"name": {"redacted": True}, "parent_id": {"before": None, "after": pots["id"]}}
    assert trashed["deleted_at"]["after"] == restored["deleted_at"]["before"]
    assert purged["kind"] == {"before": "folder"}
    assert "Secret" not in str(entries)
