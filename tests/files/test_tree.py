"""Folders and files in their tree: names, paths, moves, copies, the trash."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.files.models import Node, below
from blog_app.files.names import MAX_DEPTH
from tests.helpers import audit_entries
from tests.helpers.caller import Caller, sign_up
from tests.helpers.files import content, folder, paths, upload


@pytest.fixture
def ada(app: Flask) -> Caller:
    return sign_up(app, name="Ada")


def problem(found: dict) -> tuple[int, str]:
    """Return the status of a problem, and the field that it names."""
    error = found["errors"][0]
    return found["status"], error.get("pointer") or error["parameter"]


def test_a_folder_is_renamed_and_moved_with_all_that_is_in_it(ada: Caller) -> None:
    kettles, pots = folder(ada, "Kettles"), folder(ada, "Pots")
    old = folder(ada, "Old", kettles)
    upload(ada, "Manual.txt", parent=old)
    upload(ada, "Kettles.txt")

    moved = ada.patch(f"/files/{old['id']}", {"name": "100% _old_", "parent_id": pots["id"]}).json

    assert moved["path"] == "/Pots/100% _old_"
    assert paths(ada) == ["/Kettles", "/Kettles.txt", "/Pots", "/Pots/100% _old_", "/Pots/100% _old_/Manual.txt"]
    ada.patch(f"/files/{pots['id']}", {"name": "pots"})
    assert paths(ada)[2:] == ["/pots", "/pots/100% _old_", "/pots/100% _old_/Manual.txt"]


@pytest.mark.parametrize("place", ["itself", "its child", "its grandchild"])
def test_a_folder_goes_neither_into_itself_nor_into_what_is_in_it(ada: Caller, place: str) -> None:
    top = folder(ada, "Top")
    child = folder(ada, "Child", top)
    to = {"itself": top, "its child": child, "its grandchild": folder(ada, "Grandchild", child)}[place]
    for method, path in (("PATCH", f"/files/{top['id']}"), ("POST", f"/files/{top['id']}/copies")):
        refused = ada.send(method, path, {"name": "Top", "parent_id": to["id"]}, status=422).json
        assert problem(refused) == (422, "/parent_id")
    assert ada.get(f"/files/{top['id']}").json["path"] == "/Top"


def test_a_name_is_taken_whatever_its_case_and_normal_form(ada: Caller) -> None:
    folder(ada, "Caf\u00e9")
    assert problem(folder(ada, "CAFE\u0301", status=409)) == (409, "/name")
    assert problem(upload(ada, "cafe\u0301", status=409)) == (409, "/name")
    folder(ada, "Cafe")
    folder(sign_up(ada.app), "Caf\u00e9")


@pytest.mark.parametrize(
    "name", ["", "  ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\r\nX-Evil: 1", "a\x00b", "\u202etxt.exe", "x" * 256]
)
def test_what_nothing_may_be_called_is_refused_by_name(ada: Caller, name: str) -> None:
    kept = folder(ada, "StoredContent")
    assert problem(folder(ada, name, status=422)) == (422, "/name")
    assert problem(upload(ada, name, status=400)) == (400, "name")
    assert problem(ada.patch(f"/files/{kept['id']}", {"name": name}, status=422).json) == (422, "/name")
    assert paths(ada) == ["/StoredContent"]


@pytest.mark.parametrize("name", ["x" * 255, "\U0001f375" * 255, 'don\'t "quote"; me=1', "...", "-rf *", "ẞ" * 255])
def test_what_is_merely_unusual_is_a_name(ada: Caller, name: str) -> None:
    assert upload(ada, name)["name"] == name
    found = ada.get("/files", status=200)
    assert [each["name"] for each in found.json["data"]] == [name]


def test_a_tree_ends_at_so_many_levels_and_bytes(ada: Caller) -> None:
    top = inner = folder(ada, "f")
    for _ in range(MAX_DEPTH - 1):
        inner = folder(ada, "f", inner)
    assert problem(folder(ada, "f", inner, status=422)) == (422, "/parent_id")
    other = folder(ada, "other")
    move = {"parent_id": other["id"]}
    assert problem(ada.patch(f"/files/{top['id']}", move, status=422).json) == (422, "/parent_id")
    long = None
    for _ in range(7):
        long = folder(ada, "x" * 255, long)
    assert problem(folder(ada, "x" * 255, long, status=422)) == (422, "/name")


def test_paths_find_one_or_all_below(ada: Caller) -> None:
    tea = folder(ada, "Tea_1")
    upload(ada, "Green.txt", parent=folder(ada, "Sorts", tea))
    folder(ada, "TeaX1")
    assert paths(ada, "&path=/tea_1/SORTS") == ["/Tea_1/Sorts"]
    assert paths(ada, "&under=/tea_1") == ["/Tea_1/Sorts", "/Tea_1/Sorts/Green.txt"]
    assert len(paths(ada, "&under=/")) == 4
    assert paths(ada, f"&parent_id={tea['id']}") == ["/Tea_1/Sorts"]
    assert paths(ada, "&parent_id[is_null]=true") == paths(ada, "&name[starts_with]=tea")


def test_what_is_below_a_path_is_one_range_of_an_index(ada: Caller) -> None:
    names = {"owner_id": ada.user_id, "kind": "folder", "name": "x"}
    rows = [{**names, "path": f"/{number % 50}/{number}", "key": f"/{number % 50}/{number}"} for number in range(3_000)]
    Node.insert_many(rows).execute()
    databases.files.execute_sql("ANALYZE files.nodes")
    sql, parameters = Node.select().where(Node.owner_id == ada.user_id, below("/7")).sql()
    plan = "".join(row[0] for row in databases.files.execute_sql(f"EXPLAIN {sql}", parameters).fetchall())
    assert "nodes_place" in plan
    assert "key ~>=~ '/7/'" in plan


@pytest.mark.parametrize("path", ["a", "/a/../b", "/a//b", "/%00", "/.", "/" + "a/" * 5_000, "/" + "x" * 256])
def test_a_path_that_cannot_be_is_refused(ada: Caller, path: str) -> None:
    for parameter in ("path", "under"):
        assert problem(ada.get(f"/files?{parameter}={path}", status=400).json) == (400, parameter)


def test_a_copy_has_the_same_contents_and_a_place_of_its_own(ada: Caller) -> None:
    tea = folder(ada, "Tea")
    inner = folder(ada, "Sorts", tea)
    file = upload(ada, "Green.txt", parent=inner)
    response = ada.post(f"/files/{tea['id']}/copies", {"name": "Tea 2"})
    assert ada.get(response.headers["Location"].removeprefix("/api/v1")).json == response.json
    assert paths(ada, "&under=/tea 2") == ["/Tea 2/Sorts", "/Tea 2/Sorts/Green.txt"]
    copied = ada.get("/files?path=/tea 2/sorts/green.txt").json["data"][0]
    assert (copied["sha256"], copied["size"]) == (file["sha256"], file["size"])
    assert copied["id"] != file["id"]
    ada.delete(f"/files/{tea['id']}")
    assert content(ada, copied).data == b"Boil water, and warm the pot."
    taken = {"name": "green.TXT", "parent_id": copied["parent_id"]}
    assert problem(ada.post(f"/files/{copied['id']}/copies", taken, status=409).json) == (409, "/name")


def test_what_was_thrown_away_together_comes_back_together(ada: Caller) -> None:
    tea = folder(ada, "Tea")
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
    assert content(ada, first).data


def test_a_name_that_was_taken_meanwhile_is_asked_for_anew(ada: Caller) -> None:
    tea = folder(ada, "Tea")
    upload(ada, "1.txt", parent=tea)
    ada.delete(f"/files/{tea['id']}")
    other = folder(ada, "tea")
    address = f"/files/{tea['id']}/restoration"
    assert problem(ada.put(address, status=409).json) == (409, "/name")
    assert problem(ada.put(address, {"parent_id": tea["id"]}, status=422).json) == (422, "/parent_id")
    assert ada.put(address, {"parent_id": other["id"]}).json["path"] == "/tea/Tea"
    assert paths(ada) == ["/tea", "/tea/Tea", "/tea/Tea/1.txt"]
    ada.delete(f"/files/{tea['id']}")
    assert ada.put(address, {"name": "More", "parent_id": None}).json["path"] == "/More"
    assert ada.put(address).json["path"] == "/More"


def test_what_has_lost_its_folder_comes_back_at_the_top(ada: Caller) -> None:
    tea = folder(ada, "Tea")
    files = [upload(ada, f"{number}.txt", parent=tea) for number in (1, 2)]
    for each in (*files, tea):
        ada.delete(f"/files/{each['id']}")
    assert ada.put(f"/files/{files[0]['id']}/restoration").json["path"] == "/1.txt"
    ada.delete(f"/files/{tea['id']}/remains")
    assert ada.put(f"/files/{files[1]['id']}/restoration").json["path"] == "/2.txt"


def test_the_trash_is_emptied_for_good_and_only_ones_own(ada: Caller) -> None:
    other = sign_up(ada.app)
    for who in (ada, other):
        tea = folder(who, "Tea")
        upload(who, "1.txt", parent=tea)
        who.delete(f"/files/{tea['id']}")
        upload(who, "kept.txt")
    kept = ada.get("/files").json["data"][0]
    ada.delete(f"/files/{kept['id']}/remains", status=409)
    ada.delete("/trash")
    assert [len(who.get("/trash").json["data"]) for who in (ada, other)] == [0, 1]
    assert paths(ada) == ["/kept.txt"]
    assert Node.with_deleted().where(Node.owner_id == ada.user_id).count() == 1


def test_an_edit_of_what_somebody_else_has_moved_is_refused(ada: Caller) -> None:
    tea = folder(ada, "Tea")
    read = ada.get(f"/files/{tea['id']}").headers["ETag"]
    ada.patch(f"/files/{tea['id']}", {"name": "Coffee"})
    ada.patch(f"/files/{tea['id']}", {"name": "Milk"}, status=412, **{"If-Match": read})
    ada.delete(f"/files/{tea['id']}", status=412, **{"If-Match": read})


def test_nobody_puts_anything_into_another_ones_folder(ada: Caller) -> None:
    mallory, admin = sign_up(ada.app), sign_up(ada.app, "admin")
    tea, own = folder(ada, "Tea"), folder(mallory, "Own")
    assert problem(folder(mallory, "In", tea, status=422)) == (422, "/parent_id")
    assert problem(upload(mallory, "In", parent=tea, status=422)) == (422, "/parent_id")
    mallory.patch(f"/files/{own['id']}", {"parent_id": tea["id"]}, status=422)
    admin.patch(f"/files/{own['id']}", {"parent_id": tea["id"]}, status=422)
    assert admin.patch(f"/files/{own['id']}", {"name": "Found"}).json["owner_id"] == mallory.user_id
    assert problem(folder(ada, "In", upload(ada, "file.txt"), status=422)) == (422, "/parent_id")


def test_the_audit_trail_tells_what_happened_and_no_names(ada: Caller) -> None:
    tea, pots = folder(ada, "Tea"), folder(ada, "Pots")
    address = f"/files/{tea['id']}"
    audit_entries.discard_pending()
    ada.patch(address, {"name": "Secret", "parent_id": pots["id"]})
    ada.delete(address)
    ada.put(f"{address}/restoration")
    ada.delete(address)
    ada.delete(f"{address}/remains")
    told = audit_entries.pending()
    assert {(entry["subject_id"], entry["owner_id"]) for entry in told} == {(tea["id"], ada.user_id)}
    moved, trashed, restored, _, purged = (entry["changes"] for entry in told)
    assert moved == {"name": {"redacted": True}, "parent_id": {"before": None, "after": pots["id"]}}
    assert trashed["deleted_at"]["after"] == restored["deleted_at"]["before"]
    assert purged["kind"] == {"before": "folder"}
    assert "Secret" not in str(told)
