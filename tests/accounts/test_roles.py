"""Granting, revoking and listing roles."""

from flask import Flask

from tests.helpers.caller import sign_up


def test_a_grant_says_who_granted_it_and_when_and_a_second_one_changes_nothing(app: Flask) -> None:
    admin, second, member = sign_up(app, "admin"), sign_up(app, "admin"), sign_up(app)
    first = admin.put(f"/users/{member.user_id}/roles/author").json
    assert (first["role"], first["granted_by_id"], first["user_id"]) == ("author", admin.user_id, member.user_id)
    assert second.put(f"/users/{member.user_id}/roles/author").json == first
    listed = admin.get(f"/users/{member.user_id}/roles?include=granted_by").json["data"]
    assert [(grant["role"], grant["granted_by"]["id"]) for grant in listed] == [("author", admin.user_id)]
    assert member.get("/me").json["roles"] == ["author"]


def test_granting_and_revoking_a_role_take_effect_with_the_next_request(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    draft = {"title": "On the making of tea", "content": "Boil water."}
    member.post("/posts", draft, status=403)
    admin.put(f"/users/{member.user_id}/roles/author")
    member.post("/posts", draft)
    admin.delete(f"/users/{member.user_id}/roles/author")
    admin.delete(f"/users/{member.user_id}/roles/author", status=404)
    member.post("/posts", draft, status=403)


def test_only_admins_grant_roles_and_only_known_roles_to_known_users(app: Flask) -> None:
    admin, editor, member = sign_up(app, "admin"), sign_up(app, "editor"), sign_up(app)
    editor.put(f"/users/{editor.user_id}/roles/admin", status=403)
    member.delete(f"/users/{editor.user_id}/roles/editor", status=403)
    assert "author" in admin.put(f"/users/{member.user_id}/roles/king", status=404).json["detail"]
    admin.put(f"/users/{member.user_id}/roles/member", status=404)
    admin.put("/users/01890000-0000-7000-8000-000000000000/roles/author", status=404)


def test_users_see_only_their_own_roles(app: Flask) -> None:
    editor, member = sign_up(app, "editor"), sign_up(app)
    assert [grant["role"] for grant in editor.get(f"/users/{editor.user_id}/roles").json["data"]] == ["editor"]
    assert member.get(f"/users/{editor.user_id}/roles").json["data"] == []


def test_grants_outlive_the_admin_who_made_them(app: Flask) -> None:
    admin, gone, member = sign_up(app, "admin"), sign_up(app, "admin"), sign_up(app)
    gone.put(f"/users/{member.user_id}/roles/author")
    gone.delete("/me")
    path = f"/users/{member.user_id}/roles?include=granted_by"
    assert admin.get(path).json["data"][0]["granted_by"] is None
    admin.delete(f"/users/{gone.user_id}/remains")
    assert admin.get(path).json["data"][0]["granted_by_id"] is None
