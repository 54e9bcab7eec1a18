"""The stored audit trail: content, filters, permissions, no secrets, anonymizing, retention."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import peewee
import pytest
from flask import Flask

from blog_app.analytics import audit_trail
from blog_app.analytics.models import AuditEntry
from blog_app.background.outbox.publishing import publish_event
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS
from blog_app.config import DATABASE_NAMES
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers import audit_entries
from tests.helpers.caller import Caller, anonymous, sign_up
from tests.helpers.shop import LONDON
from tests.helpers.statements import captured_statements
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall
from tests.helpers.worker import deliver_all


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin")


def trail(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    """Deliver all entries, and return those that a caller finds."""
    deliver_all(caller.app)
    return caller.get(f"/audit-entries{query}").json["data"]


def actions(caller: Caller, query: str = "") -> list[str]:
    return [entry["action"] for entry in trail(caller, query)]


def test_an_entry_has_actor_action_subject_and_changes(app: Flask, admin: Caller) -> None:
    author = sign_up(app, "author", name="Ada")
    post = author.post("/posts", {"title": "Tea", "content": "Boil."}).json
    response = admin.put(f"/posts/{post['id']}/publication", {"published_at": "2030-01-01T00:00:00Z"})
    published, written = trail(admin, "?include=actor")
    assert (published["action"], published["subject_type"], published["subject_id"]) == (
        "posts.publish_post",
        "blog.posts",
        post["id"],
    )
    assert (published["actor_id"], published["owner_id"]) == (admin.user_id, author.user_id)
    assert published["request_id"] == response.headers["X-Request-Id"]
    assert published["changes"] == {
        "status": {"before": "draft", "after": "published"},
        "published_at": {"before": None, "after": "2030-01-01T00:00:00Z"},
    }
    assert written["actor"] == {"id": author.user_id, "name": "Ada"}
    assert written["changes"]["title"] == {"after": "Tea"}
    assert written["changes"]["content"] == {"redacted": True}


def test_entries_are_filtered_by_subject_actor_action_owner_and_time(app: Flask, admin: Caller) -> None:
    author = sign_up(app, "author")
    first, second = (author.post("/posts", {"title": title, "content": "Boil."}).json for title in ("Tea", "Coffee"))
    admin.delete(f"/posts/{first['id']}")
    assert actions(admin, f"?subject_id={first['id']}") == ["posts.delete_post", "posts.create_post"]
    assert actions(admin, f"?subject_id={second['id']}") == ["posts.create_post"]
    assert actions(admin, f"?actor_id={admin.user_id}") == ["posts.delete_post"]
    assert actions(admin, "?action=posts.create_post") == ["posts.create_post"] * 2
    assert actions(admin, f"?owner_id={author.user_id}&action[starts_with]=posts.delete") == ["posts.delete_post"]
    times = [entry["happened_at"] for entry in trail(admin)]
    assert times == sorted(times, reverse=True)
    assert actions(admin, f"?happened_at[lt]={times[0]}") == ["posts.create_post"] * 2
    page = admin.get("/audit-entries?limit=2").json["page"]
    assert len(admin.get(f"/audit-entries?limit=2&cursor={page['next']}").json["data"]) == 1


def test_users_see_their_own_actions_and_those_on_their_objects(app: Flask, admin: Caller) -> None:
    ada, eve = sign_up(app, "author"), sign_up(app)
    post = ada.post("/posts", {"title": "Tea", "content": "Boil."}).json
    admin.put(f"/posts/{post['id']}/publication", {})
    eve.put(f"/me/blocks/{ada.user_id}", status=204)
    app.test_cli_runner().invoke(args=["users", "suspend", sign_up(app).get("/me").json["email"]])
    assert actions(ada) == ["posts.publish_post", "posts.create_post"]
    assert actions(eve) == ["friends.block_user"]
    assert actions(admin)[0] == "flask users suspend"
    assert trail(admin)[0]["actor_name"]
    anonymous(app).get("/audit-entries", status=401)


def test_the_user_of_a_command_is_visible_to_admins_only(app: Flask, admin: Caller) -> None:
    member = sign_up(app)
    app.test_cli_runner().invoke(args=["users", "activate", member.get("/me").json["email"]])
    (entry,) = trail(member)
    assert (entry["actor_type"], entry["actor_name"]) == ("command", None)
    member.get("/audit-entries?actor_name=root", status=400)


def test_an_author_does_not_see_who_liked_a_post(app: Flask, admin: Caller) -> None:
    ada, eve = sign_up(app, "author"), sign_up(app)
    post = ada.post("/posts", {"title": "Tea", "content": "Boil."}).json
    ada.put(f"/posts/{post['id']}/publication", {})
    eve.put(f"/posts/{post['id']}/like")
    liked = trail(ada, "?include=actor")[0]
    assert (liked["action"], liked["actor_id"], liked["actor"]) == ("reactions.like_post", None, None)
    assert actions(ada, f"?actor_id={eve.user_id}") == []
    assert actions(ada, f"?actor_id={ada.user_id}") == ["posts.publish_post", "posts.create_post"]
    assert actions(admin, f"?actor_id={eve.user_id}") == ["reactions.like_post"]
    assert trail(eve)[0]["actor_id"] == eve.user_id


SECRET = "geheimnis7"  # Part of every value that must not be recorded.


def all_recorded_text() -> str:
    """Return all audit entries in the outboxes and all rows of the analytics database, as text."""
    waiting = [
        str(row)
        for name in DATABASE_NAMES
        for row in databases.BY_NAME[name].execute_sql(
            f"SELECT outbox::text FROM {name}.outbox WHERE name = 'action.done'"
        )
    ]
    names = databases.analytics.get_tables(schema="analytics")
    kept = [databases.analytics.execute_sql(f"SELECT t::text FROM analytics.{name} t").fetchall() for name in names]
    return " ".join([*waiting, str(kept)])


def test_no_secret_is_in_the_audit_trail(app: Flask, admin: Caller) -> None:
    email, password = f"{SECRET}@example.com", f"Correct-Horse-1-{SECRET}"
    app.test_cli_runner().invoke(args=["users", "create", email, "--name", SECRET], input=f"{password}\n{password}\n")
    token = anonymous(app).post("/tokens", {"email": email, "password": password}).json["token"]
    user = Caller(app, token)
    user.put("/me", {"name": f"{SECRET} two"})
    user.put("/me/profile", {"display_name": SECRET, "bio": SECRET, "website": f"https://{SECRET}.example.com"})
    user.put("/me/password", {"current_password": password, "password": f"Other-Horse-2-{SECRET}"}, status=204)
    user.put("/me/email", {"email": f"new-{email}", "password": f"Other-Horse-2-{SECRET}"}, status=202)
    user.post("/addresses", {**LONDON, "name": SECRET, "street_address": f"1 {SECRET} Street"})
    anonymous(app).post("/users", {"email": f"other-{email}", "name": SECRET, "password": password}, status=202)
    anonymous(app).post("/password-resets", {"email": email}, status=202)
    post = admin.post("/posts", {"title": "Tea", "content": SECRET, "metadata": {"note": SECRET}}).json
    admin.post(f"/posts/{post['id']}/comments", {"content": SECRET})
    hashes = [row[0] for row in databases.accounts.execute_sql("SELECT password_hash FROM accounts.users")]
    for _ in ("while it waits", "after it has arrived"):
        recorded = all_recorded_text()
        assert "me.change_my_password" in recorded
        assert [each for each in (SECRET, token, *hashes) if len(each) > 1 and each in recorded] == []
        deliver_all(app)


def test_entries_of_a_deleted_user_are_anonymized(app: Flask, admin: Caller) -> None:
    ada = sign_up(app, "author")
    post = ada.post("/posts", {"title": "Tea", "content": "Boil."}).json
    admin.put(f"/users/{ada.user_id}/status", {"status": "active"})
    admin.put(f"/posts/{post['id']}/publication", {})
    deliver_all(app)
    ada.delete("/me")
    deliver_all(app)
    assert [(each.action, each.actor_id, each.owner_id, each.changes) for each in audit_entries.stored()] == [
        ("posts.create_post", None, None, {}),
        ("users.set_status", UUID(admin.user_id), None, {}),
        ("posts.publish_post", UUID(admin.user_id), None, {}),
        ("me.delete_me", None, None, {}),
    ]
    assert ada.user_id not in all_audit_entries()
    assert actions(admin, f"?subject_id={post['id']}") == ["posts.publish_post", "posts.create_post"]


def all_audit_entries() -> str:
    return str(databases.analytics.execute_sql("SELECT t::text FROM analytics.audit_entries t").fetchall())


def test_entries_that_arrive_after_the_user_left_are_anonymized(app: Flask, admin: Caller) -> None:
    ada = sign_up(app, "author")
    ada.post("/posts", {"title": "Tea", "content": "Boil."})
    late = DELIVERIES["blog"]
    late.update(due_at=peewee.SQL("now() + interval '1 hour'")).execute()
    ada.delete("/me")
    deliver_all(app)
    assert [each.action for each in audit_entries.stored()] == ["me.delete_me"]
    late.update(due_at=peewee.fn.now()).execute()
    deliver_all(app)
    assert {each.action for each in audit_entries.stored()} == {"posts.create_post", "me.delete_me"}
    assert ada.user_id not in all_audit_entries()


def test_an_entry_stored_while_its_user_leaves_is_anonymized(app: Flask, admin: Caller) -> None:
    ada = sign_up(app, "author")
    ada.post("/posts", {"title": "Tea", "content": "Boil."})
    asked, go_on = threading.Event(), threading.Event()
    existing = audit_trail.directory.existing_ids

    def slowly(ids: list[str]) -> set[str]:
        found = existing(ids)
        asked.set()
        go_on.wait(TIMEOUT_SECONDS)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_trail.directory, "existing_ids", slowly)
        storing = BackgroundCall(in_thread, app)
        assert asked.wait(TIMEOUT_SECONDS)
        ada.delete("/me")
        forgetting = BackgroundCall(in_thread, app)
        go_on.set()
        storing.result()
        forgetting.result()
    deliver_all(app)
    assert ada.user_id not in all_audit_entries()


def in_thread(app: Flask) -> None:
    deliver_all(app)
    for database in databases.ALL:
        database.release()


def test_a_repeated_delivery_adds_no_entry(app: Flask, admin: Caller) -> None:
    admin.post("/tags", {"name": "Tea"})
    again = list(DELIVERIES["blog"].select().dicts())
    deliver_all(app)
    PROCESSED_EVENTS["analytics"].delete().execute()
    DELIVERIES["blog"].insert_many(again).execute()
    deliver_all(app)
    assert [each.action for each in audit_entries.stored()] == ["tags.create_tag"]


def test_an_invalid_entry_does_not_block_others(app: Flask, admin: Caller) -> None:
    admin.post("/tags", {"name": "Tea"})
    with databases.blog.atomic():
        publish_event(databases.blog, "action.done", entry={"actor_id": "nobody"})
    admin.post("/tags", {"name": "Coffee"})
    assert actions(admin) == ["tags.create_tag"] * 2
    assert [each.attempts for each in DELIVERIES["blog"].select()] == [1]


def test_entries_are_stored_in_batches(app: Flask, admin: Caller) -> None:
    entry = {"actor_type": "user", "actor_id": admin.user_id, "owner_id": None, "action": "tags.create_tag"}
    with databases.blog.atomic():
        for _ in range(audit_trail.BATCH_SIZE + 1):
            publish_event(databases.blog, "action.done", entry={**entry, "subject_id": uuid4(), "changes": {}})
    with captured_statements() as sent:
        deliver_all(app)
    assert AuditEntry.select().count() == audit_trail.BATCH_SIZE + 1
    assert sum("INSERT INTO analytics.audit_entries" in sql for sql in sent) == 2


def test_entries_older_than_the_retention_are_deleted(
    app: Flask, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Tea", "Coffee"):
        admin.post("/tags", {"name": name})
        deliver_all(app)
        AuditEntry.update(happened_at=AuditEntry.happened_at - timedelta(days=20)).execute()
    with app.app_context():
        audit_trail.delete_old_audit_entries()
    assert AuditEntry.select().count() == 2
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], audit_days=30))
    with app.app_context():
        audit_trail.delete_old_audit_entries()
    assert [now() - each.happened_at < timedelta(days=21) for each in audit_entries.stored()] == [True]
