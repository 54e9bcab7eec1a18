"""Friends: requests, friendships both ways, blocks, mutual friends, suggestions."""

from typing import Any

import pytest
from flask import Flask

from blog_app.accounts.models import Relationship
from tests.helpers.caller import Caller, sign_up
from tests.helpers.statements import captured_statements
from tests.helpers.threads import run_in_parallel


def ask(sender: Caller, receiver: Caller, *, status: int = 201) -> Any:
    return sender.post("/friend-requests", {"user_id": receiver.user_id}, status=status).json


def befriend(first: Caller, second: Caller) -> None:
    second.put(f"/friend-requests/{ask(first, second)['id']}/acceptance")


def ids(caller: Caller, path: str) -> list[str]:
    return [row["id"] for row in caller.get(path).json["data"]]


@pytest.fixture
def three(app: Flask) -> tuple[Caller, Caller, Caller]:
    return sign_up(app, name="Ada"), sign_up(app, name="Bea"), sign_up(app, name="Cleo")


def test_an_accepted_request_makes_both_users_friends(three: tuple[Caller, ...]) -> None:
    ada, bea, cleo = three
    sent = ask(ada, bea)
    assert (sent["sender_id"], sent["receiver_id"], sent["status"]) == (ada.user_id, bea.user_id, "pending")
    shown = bea.get(f"/friend-requests/{sent['id']}?include=sender,receiver").json
    assert (shown["sender"]["name"], shown["receiver"]["name"]) == ("Ada", "Bea")
    assert [ids(ada, f"/friend-requests?direction={each}") for each in ("sent", "received")] == [[sent["id"]], []]
    assert [ids(bea, f"/friend-requests?direction={each}") for each in ("sent", "received")] == [[], [sent["id"]]]
    ada.put(f"/friend-requests/{sent['id']}/acceptance", status=404)
    cleo.put(f"/friend-requests/{sent['id']}/acceptance", status=404)
    cleo.get(f"/friend-requests/{sent['id']}", status=404)
    assert bea.put(f"/friend-requests/{sent['id']}/acceptance").json["status"] == "accepted"
    assert (ids(ada, "/me/friends"), ids(bea, "/me/friends")) == ([bea.user_id], [ada.user_id])
    assert ids(ada, "/friend-requests") == ids(bea, "/friend-requests") == []
    bea.put(f"/friend-requests/{sent['id']}/acceptance", status=404)
    bea.delete(f"/friend-requests/{sent['id']}", status=404)
    ask(ada, bea, status=409)
    ask(bea, ada, status=409)
    bea.delete(f"/me/friends/{ada.user_id}")
    ada.delete(f"/me/friends/{bea.user_id}", status=404)
    assert ids(ada, "/me/friends") == ids(bea, "/me/friends") == []


@pytest.mark.parametrize("who", ["sender withdraws", "receiver declines"])
def test_a_withdrawn_or_declined_request_can_be_sent_again(three: tuple[Caller, ...], who: str) -> None:
    ada, bea, cleo = three
    sent = ask(ada, bea)
    ask(ada, bea, status=409)
    cleo.delete(f"/friend-requests/{sent['id']}", status=404)
    (ada if who == "sender withdraws" else bea).delete(f"/friend-requests/{sent['id']}")
    assert ids(bea, "/friend-requests") == []
    ask(bea, ada)


def test_a_request_to_a_user_who_sent_one_accepts_it(three: tuple[Caller, ...]) -> None:
    ada, bea, _ = three
    ask(ada, bea)
    assert ask(bea, ada)["status"] == "accepted"
    assert ids(ada, "/me/friends") == [bea.user_id]


def test_a_request_to_oneself_or_an_invisible_user_is_refused(app: Flask, three: tuple[Caller, ...]) -> None:
    ada, bea, cleo = three
    ask(ada, ada, status=422)
    ada.post("/friend-requests", {"user_id": "01890000-0000-7000-8000-000000000000"}, status=422)
    ada.post("/friend-requests", {"user_id": "me"}, status=422)
    bea.delete("/me")
    ask(ada, bea, status=422)
    sign_up(app, "admin").put(f"/users/{cleo.user_id}/status", {"status": "suspended"})
    ask(ada, cleo, status=422)


def test_a_block_ends_friendship_and_requests_and_hides_both_users(three: tuple[Caller, ...]) -> None:
    ada, bea, cleo = three
    befriend(ada, bea)
    befriend(ada, cleo)
    befriend(bea, cleo)
    ada.put(f"/me/blocks/{bea.user_id}", status=204)
    ada.put(f"/me/blocks/{bea.user_id}", status=204)
    for one, other in ((ada, bea), (bea, ada)):
        assert ids(one, "/me/friends") == [cleo.user_id]
        assert other.user_id not in ids(one, "/users")
        for path in ("", "/profile", "/mutual-friends"):
            one.get(f"/users/{other.user_id}{path}", status=404)
        assert ids(one, "/me/friend-suggestions") == []
        assert ids(one, f"/users/{cleo.user_id}/mutual-friends") == []
    unknown = ada.post("/friend-requests", {"user_id": "01890000-0000-7000-8000-000000000000"}, status=422).json
    assert ask(bea, ada, status=422)["errors"] == unknown["errors"]
    ask(ada, bea, status=409)
    assert (ids(ada, "/me/blocks"), ids(bea, "/me/blocks")) == ([bea.user_id], [])
    bea.delete(f"/me/blocks/{ada.user_id}")
    bea.get(f"/users/{ada.user_id}", status=404)
    ada.delete(f"/me/blocks/{bea.user_id}")
    bea.get(f"/users/{ada.user_id}")
    assert ids(ada, "/me/friends") == [cleo.user_id]
    befriend(bea, ada)


def test_each_user_removes_only_their_own_block(three: tuple[Caller, ...]) -> None:
    ada, bea, _ = three
    ada.put(f"/me/blocks/{bea.user_id}", status=204)
    bea.put(f"/me/blocks/{ada.user_id}", status=204)
    ada.delete(f"/me/blocks/{bea.user_id}")
    ada.get(f"/users/{bea.user_id}", status=404)
    bea.delete(f"/me/blocks/{ada.user_id}")
    ada.get(f"/users/{bea.user_id}")
    ada.put(f"/me/blocks/{ada.user_id}", status=409)
    ada.put("/me/blocks/01890000-0000-7000-8000-000000000000", status=404)


def test_mutual_friends_and_suggestions_count_friends_of_friends(app: Flask) -> None:
    ada, bea, cleo, dora, eve, fay = (sign_up(app, name=name) for name in ("Ada", "Bea", "Cleo", "Dora", "Eve", "Fay"))
    for first, second in ((ada, bea), (ada, cleo), (bea, dora), (cleo, dora), (bea, eve), (bea, cleo), (dora, fay)):
        befriend(first, second)
    with captured_statements() as sent:
        found = ada.get("/me/friend-suggestions").json["data"]
    assert [(row["name"], row["mutual_friends"]) for row in found] == [("Dora", 2), ("Eve", 1)]
    assert len(sent) == 2
    assert set(ids(ada, f"/users/{dora.user_id}/mutual-friends")) == {bea.user_id, cleo.user_id}
    page = ada.get("/me/friend-suggestions?limit=1&count=true").json
    assert page["page"]["total"] == 2
    second = ada.get(f"/me/friend-suggestions?limit=1&cursor={page['page']['next']}").json
    assert [row["name"] for row in second["data"]] == ["Eve"]
    ask(ada, eve)
    dora.put(f"/me/blocks/{ada.user_id}", status=204)
    assert ids(ada, "/me/friend-suggestions") == []
    assert ids(fay, "/me/friend-suggestions") == [cleo.user_id, bea.user_id]


def test_deleting_a_user_ends_friendships_and_keeps_blocks(app: Flask, three: tuple[Caller, ...]) -> None:
    ada, bea, cleo = three
    admin = sign_up(app, "admin")
    befriend(ada, bea)
    ask(ada, admin)
    cleo.put(f"/me/blocks/{ada.user_id}", status=204)
    ada.delete("/me")
    assert ids(bea, "/me/friends") == ids(admin, "/friend-requests") == ids(cleo, "/me/blocks") == []
    admin.put(f"/users/{ada.user_id}/restoration")
    assert ids(bea, "/me/friends") == []
    assert ids(cleo, "/me/blocks") == [ada.user_id]


def test_concurrent_requests_to_each_other_make_friends(app: Flask) -> None:
    for _ in range(10):
        ada, bea = sign_up(app), sign_up(app)
        calls = [
            one.deferred("POST", "/friend-requests", {"user_id": other.user_id})
            for one, other in ((ada, bea), (bea, ada))
        ]
        assert run_in_parallel(*calls) == [201, 201]
        assert (ids(ada, "/me/friends"), ids(bea, "/me/friends")) == ([bea.user_id], [ada.user_id])
    with app.app_context():
        assert Relationship.select().count() == 10


def test_concurrent_identical_requests_are_stored_once(app: Flask) -> None:
    ada, bea = sign_up(app), sign_up(app)
    statuses = run_in_parallel(*[ada.deferred("POST", "/friend-requests", {"user_id": bea.user_id})] * 6)
    assert sorted(statuses) == [201] + [409] * 5


def test_concurrent_actions_leave_at_most_one_relationship(app: Flask) -> None:
    admin = sign_up(app, "admin")
    for _ in range(8):
        ada, bea = sign_up(app), sign_up(app)
        request = ask(ada, bea)["id"]
        statuses = run_in_parallel(
            bea.deferred("PUT", f"/friend-requests/{request}/acceptance"),
            ada.deferred("DELETE", f"/friend-requests/{request}"),
            ada.deferred("PUT", f"/me/blocks/{bea.user_id}"),
            bea.deferred("PUT", f"/me/blocks/{ada.user_id}"),
            bea.deferred("POST", "/friend-requests", {"user_id": ada.user_id}),
            admin.deferred("DELETE", f"/users/{ada.user_id}"),
        )
        assert all(status < 500 for status in statuses), statuses
        assert ids(bea, "/me/friends") == ids(bea, "/friend-requests") == []
    with app.app_context():
        assert all(pair.requester_id is None for pair in Relationship.select())
