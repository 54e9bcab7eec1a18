"""The audit trail as it is kept: complete, searchable, without secrets, and without those who left."""

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
from tests.helpers.worker import work


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin")


def trail(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    """Let the worker work, and return the entries that a caller finds."""
    work(caller.app)
    return caller.get(f"/audit-entries{query}").json["data"]


def actions(caller: Caller, query: str = "") -> list[str]:
    return [entry["action"] for entry in trail(caller, query)]


def test_it_tells_who_did_what_to_which_object_and_what_changed(app: Flask, admin: Caller) -> None:
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


def test_it_is_searched_by_subject_actor_action_owner_and_time(app: Flask, admin: Caller) -> None:
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


def test_people_see_what_they_did_and_what_was_done_to_what_is_theirs(app: Flask, admin: Caller) -> None:
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


def test_the_name_of_whoever_runs_commands_is_for_administrators(app: Flask, admin: Caller) -> None:
    member = sign_up(app)
    app.test_cli_runner().invoke(args=["users", "activate", member.get("/me").json["email"]])
    (entry,) = trail(member)
    assert (entry["actor_type"], entry["actor_name"]) == ("command", None)
    member.get("/audit-entries?actor_name=root", status=400)


def test_who_liked_a_post_is_not_told_to_its_author(app: Flask, admin: Caller) -> None:
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


SECRET = "geheimnis7"  # In everything that nobody may tell.


def everything_told() -> str:
    """Return all that the outboxes hold of the audit trail and all of the analytics database, as text."""
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


def test_no_secret_is_ever_told(app: Flask, admin: Caller) -> None:
    email, password = f"{SECRET}@example.com", f"Aa1-{SECRET}"
    app.test_cli_runner().invoke(args=["users", "create", email, "--name", SECRET], input=f"{password}\n{password}\n")
    token = anonymous(app).post("/tokens", {"email": email, "password": password}).json["token"]
    user = Caller(app, token)
    user.put("/me", {"name": f"{SECRET} two"})
    user.put("/me/profile", {"display_name": SECRET, "bio": SECRET, "website": f"https://{SECRET}.example.com"})
    user.put("/me/password", {"current_password": password, "password": f"Bb2-{SECRET}"}, status=204)
    user.put("/me/email", {"email": f"new-{email}", "password": f"Bb2-{SECRET}"}, status=202)
    user.post("/addresses", {**LONDON, "name": SECRET, "street_address": f"1 {SECRET} Street"})
    anonymous(app).post("/users", {"email": f"other-{email}", "name": SECRET, "password": password}, status=202)
    anonymous(app).post("/password-resets", {"email": email}, status=202)
    post = admin.post("/posts", {"title": "Tea", "content": SECRET, "metadata": {"note": SECRET}}).json
    admin.post(f"/posts/{post['id']}/comments", {"content": SECRET})
    hashes = [row[0] for row in databases.accounts.execute_sql("SELECT password_hash FROM accounts.users")]
    for _ in ("while it waits", "after it has arrived"):
        told = everything_told()
        assert "me.change_my_password" in told
        assert [each for each in (SECRET, token, *hashes) if len(each) > 1 and each in told] == []
        work(app)


def test_whoever_leaves_is_taken_out_with_what_was_theirs(app: Flask, admin: Caller) -> None:
    ada = sign_up(app, "author")
    post = ada.post("/posts", {"title": "Tea", "content": "Boil."}).json
    admin.put(f"/users/{ada.user_id}/status", {"status": "active"})
    admin.put(f"/posts/{post['id']}/publication", {})
    work(app)
    ada.delete("/me")
    work(app)
    assert [(each.action, each.actor_id, each.owner_id, each.changes) for each in audit_entries.arrived()] == [
        ("posts.create_post", None, None, {}),
        ("users.set_status", UUID(admin.user_id), None, {}),
        ("posts.publish_post", UUID(admin.user_id), None, {}),
        ("me.delete_me", None, None, {}),
    ]
    assert ada.user_id not in everything_told_of_entries()
    assert actions(admin, f"?subject_id={post['id']}") == ["posts.publish_post", "posts.create_post"]


def everything_told_of_entries() -> str:
    return str(databases.analytics.execute_sql("SELECT t::text FROM analytics.audit_entries t").fetchall())


def test_what_arrives_after_somebody_left_does_not_name_them_either(app: Flask, admin: Caller) -> None:
    ada = sign_up(app, "author")
    ada.post("/posts", {"title": "Tea", "content": "Boil."})
    late = DELIVERIES["blog"]
    late.update(due_at=peewee.SQL("now() + interval '1 hour'")).execute()
    ada.delete("/me")
    work(app)
    assert [each.action for each in audit_entries.arrived()] == ["me.delete_me"]
    late.update(due_at=peewee.fn.now()).execute()
    work(app)
    assert {each.action for each in audit_entries.arrived()} == {"posts.create_post", "me.delete_me"}
    assert ada.user_id not in everything_told_of_entries()


def test_an_entry_that_is_stored_while_somebody_leaves_does_not_name_them(app: Flask, admin: Caller) -> None:
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
    work(app)
    assert ada.user_id not in everything_told_of_entries()


def in_thread(app: Flask) -> None:
    work(app)
    for database in databases.ALL:
        database.release()


def test_a_delivery_that_is_repeated_adds_nothing(app: Flask, admin: Caller) -> None:
    admin.post("/tags", {"name": "Tea"})
    again = list(DELIVERIES["blog"].select().dicts())
    work(app)
    PROCESSED_EVENTS["analytics"].delete().execute()
    DELIVERIES["blog"].insert_many(again).execute()
    work(app)
    assert [each.action for each in audit_entries.arrived()] == ["tags.create_tag"]


def test_one_entry_that_cannot_be_stored_does_not_hold_up_the_others(app: Flask, admin: Caller) -> None:
    admin.post("/tags", {"name": "Tea"})
    with databases.blog.atomic():
        publish_event(databases.blog, "action.done", entry={"actor_id": "nobody"})
    admin.post("/tags", {"name": "Coffee"})
    assert actions(admin) == ["tags.create_tag"] * 2
    assert [each.attempts for each in DELIVERIES["blog"].select()] == [1]


def test_many_entries_arrive_in_few_transactions(app: Flask, admin: Caller) -> None:
    entry = {"actor_type": "user", "actor_id": admin.user_id, "owner_id": None, "action": "tags.create_tag"}
    with databases.blog.atomic():
        for _ in range(audit_trail.BATCH_SIZE + 1):
            publish_event(databases.blog, "action.done", entry={**entry, "subject_id": uuid4(), "changes": {}})
    with captured_statements() as sent:
        work(app)
    assert AuditEntry.select().count() == audit_trail.BATCH_SIZE + 1
    assert sum("INSERT INTO analytics.audit_entries" in sql for sql in sent) == 2


def test_entries_are_kept_as_long_as_the_settings_say(
    app: Flask, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Tea", "Coffee"):
        admin.post("/tags", {"name": name})
        work(app)
        AuditEntry.update(happened_at=AuditEntry.happened_at - timedelta(days=20)).execute()
    with app.app_context():
        audit_trail.delete_old_audit_entries()
    assert AuditEntry.select().count() == 2
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], audit_days=30))
    with app.app_context():
        audit_trail.delete_old_audit_entries()
    assert [now() - each.happened_at < timedelta(days=21) for each in audit_entries.arrived()] == [True]
