"""Bulkheads: work that takes long holds some of a process's threads, never all."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from argon2.exceptions import VerificationError
from flask import Flask

from blog_app.accounts import passwords, signed_tokens
from blog_app.accounts.models import User
from blog_app.config import Settings
from blog_app.data import watermarks
from blog_app.data.slots import Busy, ProcessSlots, Slots, process_slots
from blog_app.development.local.process import wait_until
from tests.blog.test_posts import write_post
from tests.helpers.caller import API, PASSWORD, Caller, anonymous, sign_up
from tests.helpers.threads import BackgroundCall, run_in_parallel

LONG = 60.0


def test_so_many_threads_hold_a_slot_and_so_many_wait() -> None:
    few = Slots(1, waiting=1, patience=LONG)

    def enter() -> None:
        with few:
            pass

    with few:
        waiting = BackgroundCall(enter)
        assert wait_until(lambda: len(few._queue) == 1, LONG)
        with pytest.raises(Busy), few:
            pass
        assert waiting.running
    waiting.result()
    enter()


def test_nobody_waits_for_slots_that_were_all_taken_long_ago() -> None:
    few = Slots(1, waiting=5, patience=0.0)

    with few:
        for _ in range(3):
            with pytest.raises(Busy), few:
                pass
    with few:
        pass


def test_short_work_of_many_threads_is_never_refused(app: Flask) -> None:
    few = Slots(2, waiting=100, patience=LONG)
    inside: list[int] = []

    def work() -> None:
        for _ in range(200):
            with few:
                inside.append(1)
                assert len(inside) <= 2
                inside.pop()

    run_in_parallel(*[work] * 16)


def test_the_slots_of_a_process_leave_a_thread_free(settings: Settings) -> None:
    for threads, free in ((8, 1), (3, 1), (2, 0)):
        lists, hashes = max(1, threads // 2), 1
        given = process_slots(replace(settings, web_threads=threads, list_reads=lists, password_hashes=hashes))
        assert threads - lists - hashes - given.password_hashes._waiting == free


@pytest.fixture
def full(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app without a free slot, and with open epochs."""
    lease_manager = watermarks.lease_manager
    assert lease_manager
    assert wait_until(lambda: lease_manager.lease("blog") is not None, LONG)
    none = Slots(0, waiting=0, patience=0.0)
    monkeypatch.setitem(app.extensions, "slots", ProcessSlots(none, none))
    return app


def require_refusal(caller: Caller, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    assert int(caller.send(method, path, body, status=503).headers["Retry-After"]) > 0


@pytest.mark.redis
def test_lists_are_refused_while_items_hits_and_health_checks_go_on(full: Flask, monkeypatch) -> None:
    author, reader = sign_up(full, "author"), anonymous(full)
    post = write_post(author)
    with monkeypatch.context() as patch:
        patch.setitem(full.extensions, "slots", process_slots(full.config["SETTINGS"]))
        assert wait_until(lambda: reader.get("/posts").headers["X-Cache"] == "hit", LONG)

    for path in ("/posts?limit=7", "/posts?q=bear", "/posts?title[contains]=e"):
        require_refusal(reader, "GET", path)
    require_refusal(author, "GET", "/posts")  # What they see is theirs alone, so it is never cached.
    assert reader.get("/posts").headers["X-Cache"] == "hit"
    reader.get(f"/posts/{post['slug']}")
    assert full.test_client().get("/healthz").status_code == 200


@pytest.mark.redis
def test_every_operation_that_hashes_a_password_needs_a_slot(full: Flask) -> None:
    user = sign_up(full)
    with full.app_context():
        found = User.get_by_id(user.user_id)
        reset = signed_tokens.sign(signed_tokens.PASSWORD_RESET, id=str(found.id), version=found.credentials_version)
    credentials = {"email": "nobody@example.com", "password": PASSWORD}

    require_refusal(user, "POST", "/tokens", credentials)
    require_refusal(user, "POST", "/users", {**credentials, "name": "Nobody"})
    require_refusal(user, "PUT", "/me/password", {"current_password": "x", "password": PASSWORD})
    require_refusal(user, "PUT", "/me/email", credentials)
    require_refusal(user, "POST", "/password-resets/completion", {"token": reset, "password": PASSWORD})


def test_many_sign_ins_at_once_hold_a_few_threads_only(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing, go_on = threading.Semaphore(0), threading.Event()

    class SlowHasher:
        def verify(self, *_: str) -> None:
            hashing.release()
            assert go_on.wait(LONG)
            raise VerificationError

    monkeypatch.setattr(passwords, "hasher", SlowHasher())
    few = Slots(1, waiting=2, patience=LONG)
    monkeypatch.setitem(app.extensions, "slots", ProcessSlots(few, few))

    def sign_in(number: int) -> int:
        body = {"email": f"user{number}@example.org", "password": PASSWORD}
        return app.test_client().post(f"{API}/tokens", json=body).status_code

    calls = [BackgroundCall(sign_in, number) for number in range(48)]
    assert wait_until(lambda: sum(call.running for call in calls) == 3, LONG)  # One hashes, two wait.
    assert hashing.acquire(timeout=LONG)
    assert not hashing.acquire(blocking=False)
    go_on.set()

    statuses = Counter(call.result() for call in calls)
    assert (statuses[401], statuses[429] + statuses[503]) == (3, 45)  # Some are throttled: they have one address.
