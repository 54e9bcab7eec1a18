"""Users: visibility, status, deletion, restoration, purge, and the last admin."""

from typing import Any

import pytest
from flask import Flask

from blog_app.accounts import directory
from blog_app.accounts.models import Profile, RoleGrant, Token, User
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.threads import run_in_parallel


def ids(response: Any) -> set[str]:
    return {user["id"] for user in response.json["data"]}


def test_only_active_users_are_visible_and_admins_see_all(app: Flask) -> None:
    admin, member, other = sign_up(app, "admin"), sign_up(app), sign_up(app)
    admin.put(f"/users/{other.user_id}/status", {"status": "suspended"})
    assert other.user_id not in ids(member.get("/users"))
    member.get(f"/users/{other.user_id}", status=404)
    member.get(f"/users/{other.user_id}/profile", status=404)
    assert ids(admin.get("/users?status=suspended")) == {other.user_id}
    assert ids(admin.get("/users?status=active&include=profile")) == {admin.user_id, member.user_id}
    anonymous(app).get("/users", status=401)


@pytest.mark.parametrize("status", ["suspended", "inactive"])
def test_suspending_a_user_ends_their_sessions(app: Flask, status: str) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    assert admin.put(f"/users/{member.user_id}/status", {"status": status}).json["status"] == status
    member.get("/me", status=401)
    admin.put(f"/users/{member.user_id}/status", {"status": "active"})
    member.get("/me", status=401)


def test_only_admins_set_a_status_and_it_must_be_known(app: Flask) -> None:
    admin, editor, member = sign_up(app, "admin"), sign_up(app, "editor"), sign_up(app)
    editor.put(f"/users/{member.user_id}/status", {"status": "suspended"}, status=403)
    member.put(f"/users/{member.user_id}/status", {"status": "suspended"}, status=403)
    admin.put(f"/users/{member.user_id}/status", {"status": "happy"}, status=422)


def test_a_deleted_user_is_hidden_everywhere_immediately(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app, name="Grace")
    admin.delete(f"/users/{member.user_id}")
    member.get("/me", status=401)
    for caller in (admin, sign_up(app)):
        caller.get(f"/users/{member.user_id}", status=404)
        caller.get(f"/users/{member.user_id}/profile", status=404)
        assert member.user_id not in ids(caller.get("/users"))
    admin.get(f"/users/{member.user_id}/roles", status=404)
    admin.put(f"/users/{member.user_id}/roles/author", status=404)
    with app.app_context():
        assert directory.people([member.user_id]) == {member.user_id: {"id": member.user_id, "name": "Former member"}}


def test_admins_can_list_deleted_users(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    member.delete("/me")
    assert ids(admin.get("/users?deleted=only")) == {member.user_id}
    assert ids(admin.get("/users?deleted=with")) == {admin.user_id, member.user_id}
    assert admin.get("/users?deleted=only&include=profile&count=true&limit=1").json["page"]["total"] == 1
    assert admin.get("/users?deleted=maybe", status=400).json["errors"][0]["parameter"] == "deleted"
    sign_up(app, "editor").get("/users?deleted=only", status=403)


def test_a_restored_user_keeps_everything_but_sessions(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app, "editor", name="Grace")
    member.patch("/me/profile", {"bio": "Ships."})
    admin.delete(f"/users/{member.user_id}")
    assert admin.put(f"/users/{member.user_id}/restoration").json["name"] == "Grace"
    assert admin.get(f"/users/{member.user_id}?include=profile").json["profile"]["bio"] == "Ships."
    assert [grant["role"] for grant in admin.get(f"/users/{member.user_id}/roles").json["data"]] == ["editor"]
    member.get("/me", status=401)
    admin.put(f"/users/{member.user_id}/restoration")


def test_the_address_of_a_deleted_user_is_free_and_restoring_onto_a_taken_one_is_a_conflict(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    email = member.get("/me").json["email"]
    member.delete("/me")
    with app.app_context():
        second = User.create_with_profile(email, "Another", "-").id
    problem = admin.put(f"/users/{member.user_id}/restoration", status=409).json
    assert problem["errors"][0]["pointer"] == "/email"
    assert ids(admin.get("/users?deleted=only")) == {member.user_id}
    admin.delete(f"/users/{second}")
    admin.put(f"/users/{member.user_id}/restoration")
    admin.put(f"/users/{second}/restoration", status=409)


def test_a_purge_deletes_all_rows_and_needs_a_deletion_first(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    admin.put(f"/users/{member.user_id}/roles/author")
    admin.delete(f"/users/{member.user_id}/remains", status=409)
    admin.delete(f"/users/{member.user_id}")
    admin.delete(f"/users/{member.user_id}/remains")
    admin.put(f"/users/{member.user_id}/restoration", status=404)
    with app.app_context():
        for model, column in ((Profile, Profile.user), (RoleGrant, RoleGrant.user), (Token, Token.user)):
            assert model.select().where(column == member.user_id).count() == 0
        assert directory.people([member.user_id])[member.user_id]["name"] == "Former member"


def test_an_update_with_an_old_version_is_refused(app: Flask) -> None:
    member = sign_up(app)
    old = member.get("/me").headers["ETag"]
    member.patch("/me", {"name": "Grace"}, **{"If-Match": old})
    member.put("/me", {"name": "Eve"}, status=412, **{"If-Match": old})
    assert member.get("/me").json["name"] == "Grace"
    for body in (
        {"name": ""},
        {"name": "x" * 101},
        {"name": "x\x00"},
        {"email": "x@example.com"},
        {"status": "active"},
    ):
        member.patch("/me", body, status=422)


REMOVALS = {
    "revoke": ("DELETE", "/users/{}/roles/admin", None),
    "suspend": ("PUT", "/users/{}/status", {"status": "suspended"}),
    "deactivate": ("PUT", "/users/{}/status", {"status": "inactive"}),
    "delete": ("DELETE", "/users/{}", None),
}


@pytest.mark.parametrize("way", REMOVALS)
def test_the_last_admin_cannot_be_removed(app: Flask, way: str) -> None:
    admin, suspended = sign_up(app, "admin"), sign_up(app, "admin")
    admin.put(f"/users/{suspended.user_id}/status", {"status": "suspended"})
    method, path, body = REMOVALS[way]
    problem = admin.send(method, path.format(admin.user_id), body, status=409).json
    assert "only admin" in problem["detail"]
    admin.send("DELETE", "/me", status=409)
    admin.get("/users?deleted=only")


@pytest.mark.parametrize("first", REMOVALS)
@pytest.mark.parametrize("second", REMOVALS)
def test_two_admins_cannot_remove_each_other_concurrently(app: Flask, first: str, second: str) -> None:
    for _ in range(3):
        with app.app_context():
            RoleGrant.delete().execute()
        ada, eve = sign_up(app, "admin"), sign_up(app, "admin")
        calls = [
            caller.deferred(method, path.format(other.user_id), body)
            for caller, other, (method, path, body) in (
                (ada, eve, REMOVALS[first]),
                (eve, ada, REMOVALS[second]),
            )
        ]
        statuses = run_in_parallel(*calls)
        assert sum(status in (200, 204) for status in statuses) == 1, statuses
        assert all(status in (200, 204, 401, 403, 409) for status in statuses), statuses
        with app.app_context():
            admins = User.select().join(RoleGrant, on=(RoleGrant.user == User.id))
            assert admins.where(RoleGrant.role == "admin", User.status == "active").count() == 1
