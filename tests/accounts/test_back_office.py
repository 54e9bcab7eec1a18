"""The back office: admins list, find, create and change users; nobody else learns an email address."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from blog_app.accounts import last_seen
from blog_app.accounts.models import LastSeen, RoleGrant, User
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.permissions import ROLES
from tests.helpers import audit_entries, objects
from tests.helpers.caller import PASSWORD, Caller, anonymous, sign_up
from tests.helpers.mails import mails, token_for
from tests.helpers.operations import OPERATIONS
from tests.helpers.threads import run_in_parallel

READS = [name for name, operation in OPERATIONS.items() if operation.method == "GET" and not operation.is_download]
NOT_ADMINS = [role for role in ROLES if role != "admin"]
ADA = {"name": "Ada Marsh", "email": "ada@example.com"}


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin", name="The Boss")


def names(admin: Caller, query: str) -> set[str]:
    return {user["name"] for user in admin.get(f"/users?{query}").json["data"]}


def made(admin: Caller, **values: Any) -> str:
    return str(admin.post("/users", {"password": PASSWORD, **ADA, **values}).json["id"])


def sign_in(app: Flask, email: str, password: str = PASSWORD, *, status: int = 201) -> Caller:
    return Caller(
        app, anonymous(app).post("/tokens", {"email": email, "password": password}, status=status).json.get("token")
    )


def test_admins_see_addresses_and_roles_and_find_users_by_them(admin: Caller) -> None:
    made(admin, roles=["author", "vendor"])
    made(admin, name="Eve Ada-Lee", email="eve@example.com", status="suspended")
    made(admin, name="Bo", email="adam@example.org", roles=["editor"])
    (ada,) = admin.get("/users?email=Ada@Example.com").json["data"]
    assert (ada["email"], ada["roles"], ada["last_seen_at"]) == ("ada@example.com", ["author", "vendor"], None)
    assert names(admin, "email[in]=ada@example.com,adam@example.org") == {"Ada Marsh", "Bo"}
    assert names(admin, "email[starts_with]=ADA") == {"Ada Marsh", "Bo"}
    assert names(admin, "email[starts_with]=ada%25") == set()
    assert names(admin, "role=author") == {"Ada Marsh"}
    assert names(admin, "role[in]=editor,admin") == {"Bo", "The Boss"}
    assert names(admin, "status=suspended") == {"Eve Ada-Lee"}
    assert names(admin, "q=ada") == {"Ada Marsh", "Eve Ada-Lee", "Bo"}
    assert names(admin, "q=mar%20ada") == {"Ada Marsh"}
    assert names(admin, "q=eve@ex") == {"Eve Ada-Lee"}
    assert names(admin, "role=editor&or[0][email]=eve@example.com&or[1][status]=active") == {"Bo"}
    listed = admin.get("/users?sort=-email&fields=email&limit=2").json
    assert [user["email"] for user in listed["data"]][1:] == ["eve@example.com"]
    following = admin.get(f"/users?sort=-email&fields=email&limit=2&cursor={listed['page']['next']}").json["data"]
    assert [user["email"] for user in following] == ["adam@example.org", "ada@example.com"]
    admin.get("/users?email=nonsense", status=400)
    admin.get("/users?role=king", status=400)


@pytest.mark.parametrize("role", NOT_ADMINS)
def test_nobody_else_sees_or_asks_for_them(app: Flask, admin: Caller, role: str) -> None:
    ada = made(admin, roles=["author"])
    other = sign_up(app, *{role} - {"member"})
    for path in (f"/users/{ada}", "/users"):
        admin.get(path)  # What is cached for admins is for admins.
        shown = other.get(path).json
        for user in shown.get("data", [shown]):
            assert (user["email"], user["roles"], user["last_seen_at"]) == (None, None, None)
    for query in ("email=ada@example.com", "email[starts_with]=a", "role=author", "last_seen_at[is_null]=true"):
        other.get(f"/users?{query}", status=403)
    other.get("/users?or[0][email]=ada@example.com&or[1][name]=Eve", status=403)
    assert names(other, "q=ada@ex") == set()
    assert names(other, "q=mar") == {"Ada Marsh"}
    assert len(other.get("/users?sort=email").json["data"]) == 3


@pytest.mark.parametrize("name", READS)
def test_no_read_shows_anybody_but_admins_the_address_of_another_user(app: Flask, name: str) -> None:
    owner = sign_up(app, "author")
    path = name.partition(" ")[2]
    url = objects.url(app, path, owner=owner.user_id)
    with app.app_context():
        addresses = [user.email for user in User.select()]
    assert addresses
    includes = ",".join(OPERATIONS[name].response.opts.includes) if OPERATIONS[name].response else ""
    for caller in (anonymous(app), *[sign_up(app, *{role} - {"member"}) for role in NOT_ADMINS]):
        headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        for query in ("", f"?include={includes}") if includes else ("",):
            text = app.test_client().get(f"/api/v1{url}{query}", headers=headers).text
            assert not [address for address in addresses if address in text]


def test_a_user_created_with_a_password_can_sign_in_at_once(app: Flask, admin: Caller) -> None:
    email = "grace@example.com"
    created = admin.post("/users", {"name": "Grace", "email": email, "password": PASSWORD, "roles": ["editor"]})
    assert created.headers["Location"].endswith(f"/users/{created.json['id']}")
    assert (created.json["status"], created.json["roles"]) == ("active", ["editor"])
    assert sign_in(app, email).get("/me").json["roles"] == ["editor"]
    assert mails(app, email) == []
    admin.post("/users", {"name": "Grace", "email": email, "password": PASSWORD}, status=409)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "weak"),
        ("email", "ada"),
        ("name", ""),
        ("status", "happy"),
        ("roles", ["king"]),
        ("roles", ["member"]),
        ("roles", ["author", "author"]),
        ("colour", "red"),
    ],
)
def test_what_is_wrong_with_a_new_user_is_said(app: Flask, admin: Caller, field: str, value: Any) -> None:
    refused = admin.post("/users", {**ADA, "password": PASSWORD, field: value}, status=422).json
    assert refused["errors"][0]["pointer"].startswith(f"/{field}")
    with app.app_context():
        assert User.select().count() == 1


def test_an_invited_user_sets_the_password_with_the_mailed_token_which_works_once(app: Flask, admin: Caller) -> None:
    made(admin, password=None)
    sign_in(app, ADA["email"], status=401)
    token = token_for(app, ADA["email"])
    assert "7 days" in mails(app, ADA["email"])[-1].get_content()
    anonymous(app).post("/users/confirmation", {"token": token}, status=422)
    anonymous(app).post("/password-resets/completion", {"token": token, "password": PASSWORD}, status=204)
    sign_in(app, ADA["email"])
    anonymous(app).post("/password-resets/completion", {"token": token, "password": "Other-Horse-2"}, status=422)


def test_only_admins_create_users_directly(app: Flask, admin: Caller) -> None:
    for caller in (anonymous(app), sign_up(app), sign_up(app, "editor")):
        caller.post("/users", {**ADA, "password": PASSWORD, "roles": ["admin"]}, status=422)
        caller.post("/users", ADA, status=422)
        caller.post("/users", {**ADA, "password": PASSWORD}, status=202)


def test_an_admin_changes_name_status_and_roles_and_a_patch_leaves_the_rest(app: Flask, admin: Caller) -> None:
    ada = made(admin, roles=["author", "vendor"])
    with app.app_context():
        granted = RoleGrant.get(RoleGrant.user == ada, RoleGrant.role == "author").id
    path = f"/users/{ada}"
    assert admin.patch(path, {"name": "Ada M."}).json["roles"] == ["author", "vendor"]
    changed = admin.patch(path, {"roles": ["author", "editor"], "status": "inactive"}).json
    assert (changed["name"], changed["status"], changed["roles"]) == ("Ada M.", "inactive", ["author", "editor"])
    with app.app_context():
        assert RoleGrant.get(RoleGrant.user == ada, RoleGrant.role == "author").id == granted
    whole = admin.put(path, ADA).json
    assert (whole["name"], whole["status"], whole["roles"]) == ("Ada Marsh", "active", [])
    admin.put(path, {"name": "Ada"}, status=422)
    sign_up(app, "editor").patch(path, {"name": "Eve"}, status=403)


def test_a_change_with_an_old_version_is_refused(admin: Caller) -> None:
    path = f"/users/{made(admin)}"
    old = admin.get(path).headers["ETag"]
    admin.patch(path, {"roles": ["author"]}, **{"If-Match": old})
    admin.patch(path, {"roles": []}, status=412, **{"If-Match": old})


def test_a_new_address_is_told_to_both_ends_the_sessions_and_is_the_one_to_sign_in_with(
    app: Flask, admin: Caller
) -> None:
    path = f"/users/{made(admin)}"
    ada = sign_in(app, ADA["email"])
    anonymous(app).post("/password-resets", {"email": ADA["email"]}, status=202)
    token = token_for(app, ADA["email"])
    assert admin.patch(path, {"email": "Moved@Example.com"}).json["email"] == "moved@example.com"
    ada.get("/me", status=401)
    sign_in(app, "moved@example.com")
    anonymous(app).post("/password-resets/completion", {"token": token, "password": "Other-Horse-2"}, status=422)
    for address in (ADA["email"], "moved@example.com"):
        assert mails(app, address)[-1]["Subject"] == "Your email address was changed"
    taken = admin.patch(path, {"email": admin.get("/me").json["email"]}, status=409).json
    assert taken["errors"][0]["pointer"] == "/email"


def test_an_admin_who_changes_their_own_address_stays_signed_in_here_only(app: Flask, admin: Caller) -> None:
    made(admin, roles=["admin"])
    here, there = sign_in(app, ADA["email"]), sign_in(app, ADA["email"])
    here.patch(f"/users/{here.get('/me').json['id']}", {"email": "new@example.com"})
    here.get("/me")
    there.get("/me", status=401)


@pytest.mark.parametrize("status", ["suspended", "inactive"])
def test_suspending_ends_the_sessions(app: Flask, admin: Caller, status: str) -> None:
    path = f"/users/{made(admin)}"
    ada = sign_in(app, ADA["email"])
    admin.patch(path, {"status": status})
    ada.get("/me", status=401)
    admin.patch(path, {"status": "active"})
    ada.get("/me", status=401)


@pytest.mark.parametrize("change", [{"status": "suspended"}, {"roles": ["editor"]}])
def test_the_last_admin_stays_one_also_when_two_remove_each_other(
    app: Flask, admin: Caller, change: dict[str, Any]
) -> None:
    assert "only admin" in admin.patch(f"/users/{admin.user_id}", change, status=409).json["detail"]
    for _ in range(3):
        other = sign_up(app, "admin")
        statuses = run_in_parallel(
            admin.deferred("PATCH", f"/users/{other.user_id}", change),
            other.deferred("PATCH", f"/users/{admin.user_id}", change),
        )
        assert statuses.count(200) == 1, statuses
        admin = admin if statuses[0] == 200 else other


def test_a_change_leaves_one_audit_entry_with_the_roles_and_without_the_address(admin: Caller) -> None:
    ada = made(admin, roles=["vendor"])
    admin.patch(f"/users/{ada}", {"roles": ["vendor", "author"], "email": "new@example.com"})
    created, changed = (each for each in audit_entries.pending() if each["action"].startswith("users."))
    assert created["changes"]["roles"] == {"before": [], "after": ["vendor"]}
    assert changed["subject_id"] == ada
    assert changed["changes"] == {
        "roles": {"before": ["vendor"], "after": ["author", "vendor"]},
        "email": {"redacted": True},
    }


def test_who_was_seen_is_written_once_in_a_period_and_admins_find_who_was_not(app: Flask, admin: Caller) -> None:
    ada, eve = made(admin), made(admin, name="Eve", email="eve@example.com")
    first, second = last_seen.Recorder(5), last_seen.Recorder(5)
    with app.app_context():
        tokens, app.extensions["token_cache"].record_seen = app.extensions["token_cache"].record_seen, first.record
        try:
            sign_in(app, ADA["email"]).get("/me")
        finally:
            app.extensions["token_cache"].record_seen = tokens
        assert first.flush()
        stored = LastSeen.get_by_id(ada).seen_at
        for recorder in (first, second):
            recorder.record(User.get_by_id(ada).id)
            assert recorder.flush()
        assert LastSeen.get_by_id(ada).seen_at == stored
        LastSeen.update(seen_at=now().replace(year=2020)).execute()
        second.reset()
        second.record(User.get_by_id(ada).id)
        assert second.flush()
        assert LastSeen.get_by_id(ada).seen_at > stored
    assert names(admin, "last_seen_at[is_null]=true") == {"Eve", "The Boss"}
    assert names(admin, f"last_seen_at[gte]={quote(stored.isoformat())}") == {"Ada Marsh"}
    assert admin.get("/users?sort=last_seen_at&limit=1").json["data"][0]["id"] == ada
    assert admin.get(f"/users/{ada}").json["last_seen_at"]
    assert admin.get(f"/users/{eve}").json["last_seen_at"] is None


def test_who_was_seen_stays_in_memory_while_the_database_is_away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, recorder = sign_up(app), last_seen.Recorder(5)
    with app.app_context():
        recorder.record(User.get_by_id(caller.user_id).id)
        with monkeypatch.context() as patch:
            patch.setattr(last_seen, "WRITE", last_seen.DeclaredSQL("SELECT 1 FROM accounts.nothing"))
            assert not recorder.flush()
        assert recorder.flush()
        assert LastSeen.select().count() == 1
        databases.accounts.execute_sql("SELECT 1")
