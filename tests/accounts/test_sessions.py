"""Signing in and out: API tokens and login throttling."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY
from flask import Flask

from blog_app.accounts import passwords, throttling
from blog_app.accounts.models import Attempt, KnownClient, User
from blog_app.accounts.passwords import hash_password
from blog_app.data.models import now
from tests.helpers import cheap_passwords
from tests.helpers.caller import PASSWORD, Caller, anonymous, sign_up
from tests.helpers.statements import captured_statements

EMAIL = "ada@example.com"


def open_account(app: Flask, email: str = EMAIL) -> str:
    with app.app_context():
        return str(User.create_with_profile(email, "Ada", hash_password(PASSWORD)).id)


def try_to_sign_in(app: Flask, email: str, password: str, *, address: str = "127.0.0.1") -> int:
    body = {"email": email, "password": password}
    return app.test_client().post("/api/v1/tokens", json=body, environ_overrides={"REMOTE_ADDR": address}).status_code


def attack_from_many_addresses(app: Flask, email: str = EMAIL) -> list[int]:
    return [try_to_sign_in(app, email, "Wrong-1234", address=f"198.51.100.{n}") for n in range(35)]


def test_the_list_of_tokens_marks_the_current_one(app: Flask) -> None:
    user_id = open_account(app)
    first, second = (
        Caller(app, anonymous(app).post("/tokens", {"email": EMAIL, "password": PASSWORD}).json["token"], user_id)
        for _ in range(2)
    )
    listed = {caller.token: caller.get("/tokens").json["data"] for caller in (first, second)}
    assert [[token["current"] for token in tokens] for tokens in listed.values()] == [[False, True], [True, False]]
    first.delete(f"/tokens/{listed[first.token][0]['id']}")
    second.get("/me", status=401)
    first.get("/me")


def test_a_wrong_password_an_unknown_address_and_a_suspended_user_get_the_same_response(app: Flask) -> None:
    open_account(app)
    suspended_id = open_account(app, "suspended@example.com")
    with app.app_context():
        User.update(status="suspended").where(User.id == suspended_id).execute()
    problems = set()
    for email, password in (
        (EMAIL, "Wrong-1234"),
        ("nobody@example.com", PASSWORD),
        ("suspended@example.com", PASSWORD),
    ):
        problem = anonymous(app).post("/tokens", {"email": email, "password": password}, status=401).json
        problem.pop("request_id")
        problems.add(str(problem))
    assert len(problems) == 1


def test_a_wrong_password_and_an_unknown_address_need_the_same_statements(app: Flask) -> None:
    open_account(app)
    try_to_sign_in(app, EMAIL, "Wrong-1234")
    try_to_sign_in(app, "nobody@example.com", "Wrong-1234")
    with captured_statements() as known:
        try_to_sign_in(app, EMAIL, "Wrong-1234")
    with captured_statements() as unknown:
        try_to_sign_in(app, "nobody@example.com", "Wrong-1234")
    assert known == unknown


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_failed_attempts_throttle_a_client_whether_the_account_exists_or_not(
    app: Flask, clock: datetime, email: str
) -> None:
    open_account(app)
    assert [try_to_sign_in(app, email, "Wrong-1234") for _ in range(8)] == [401] * 6 + [429] * 2
    refused = anonymous(app).post("/tokens", {"email": email.upper(), "password": PASSWORD}, status=429)
    assert refused.headers["Retry-After"] == "2"


def test_whoever_guesses_locks_out_neither_the_owner_elsewhere_nor_their_sessions(app: Flask, clock: datetime) -> None:
    user_id = open_account(app)
    owner = Caller(app, anonymous(app).post("/tokens", {"email": EMAIL, "password": PASSWORD}).json["token"], user_id)
    assert [try_to_sign_in(app, EMAIL, "Wrong-1234") for _ in range(40)] == [401] * 6 + [429] * 34
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="192.0.2.1") == 201
    owner.put("/me/password", {"current_password": PASSWORD, "password": "Other-Staple-2"}, status=204)


def test_a_patient_client_does_not_use_up_what_the_account_allows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    open_account(app)
    instant = now()
    statuses = []
    for minute in range(0, 24 * 60, 5):
        monkeypatch.setattr(throttling, "now", lambda at=instant + timedelta(minutes=minute, seconds=minute): at)
        statuses.append(try_to_sign_in(app, EMAIL, "Wrong-1234"))
    assert statuses.count(401) > 100
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="192.0.2.1") == 201


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_an_attack_spread_over_many_addresses_is_throttled(app: Flask, clock: datetime, email: str) -> None:
    open_account(app)
    assert attack_from_many_addresses(app, email) == [401] * 31 + [429] * 4
    assert try_to_sign_in(app, email, PASSWORD, address="192.0.2.1") == 429


def test_a_spread_attack_does_not_lock_out_an_address_that_signed_in_before(app: Flask, clock: datetime) -> None:
    open_account(app)
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="2001:db8:1:2::3") == 201
    attack_from_many_addresses(app)
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="192.0.2.1") == 429
    assert [try_to_sign_in(app, EMAIL, "Wrong-1234", address=f"2001:db8:1:2::{n}") for n in range(7)] == (
        [401] * 6 + [429]
    )
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="2001:db8:1:3::3") == 429


def test_an_address_that_signed_in_long_ago_is_not_recognized(app: Flask, clock: datetime) -> None:
    open_account(app)
    try_to_sign_in(app, EMAIL, PASSWORD)
    with app.app_context():
        KnownClient.update(seen_at=clock - throttling.RECOGNIZED_FOR).execute()
    attack_from_many_addresses(app)
    assert try_to_sign_in(app, EMAIL, PASSWORD) == 429
    assert try_to_sign_in(app, EMAIL, PASSWORD, address="192.0.2.1") == 429


def test_waits_double_and_are_reset_after_an_hour(app: Flask) -> None:
    open_account(app)
    waits = []
    for _ in range(16):
        try_to_sign_in(app, EMAIL, "Wrong-1234")
        with app.app_context():
            account = Attempt.select().order_by(Attempt.attempts.desc(), Attempt.wait_until.desc()).first()
            waits.append(round((account.wait_until - account.tried_at).total_seconds()))
            Attempt.update(wait_until=now()).execute()
    assert waits == [0] * 5 + [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    with app.app_context():
        Attempt.update(tried_at=now() - timedelta(hours=2), wait_until=now()).execute()
    assert [try_to_sign_in(app, EMAIL, "Wrong-1234") for _ in range(2)] == [401, 401]


def test_concurrent_attempts_are_all_counted(app: Flask, clock: datetime) -> None:
    open_account(app)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: try_to_sign_in(app, EMAIL, "Wrong-1234"), range(30)))
    assert statuses.count(401) == 6
    assert set(statuses) == {401, 429}


def test_an_ip_address_that_tries_many_accounts_is_throttled(app: Flask, clock: datetime) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: try_to_sign_in(app, f"user{n}@example.org", "Wrong-1234"), range(110)))
    assert statuses.count(401) == 101
    assert try_to_sign_in(app, "fresh@example.com", PASSWORD) == 429


def test_successful_sign_ins_are_never_throttled(app: Flask) -> None:
    open_account(app)
    for _ in range(3):
        try_to_sign_in(app, EMAIL, "Wrong-1234")
    assert {try_to_sign_in(app, EMAIL, PASSWORD) for _ in range(12)} == {201}
    with app.app_context():
        assert sorted(attempt.attempts for attempt in Attempt.select()) == [0, 3, 3]


def test_an_idempotency_key_does_not_hide_failed_attempts(app: Flask, clock: datetime) -> None:
    open_account(app)
    for _ in range(6):
        anonymous(app).post(
            "/tokens", {"email": EMAIL, "password": "Wrong-1234"}, status=401, **{"Idempotency-Key": "again"}
        )
    anonymous(app).post("/tokens", {"email": EMAIL, "password": PASSWORD}, status=429)


def test_revoking_all_tokens_includes_the_current_one(app: Flask) -> None:
    member = sign_up(app)
    member.delete("/tokens")
    member.get("/me", status=401)


def test_the_dummy_hash_takes_as_long_as_a_real_one_and_fits_no_password(app: Flask) -> None:
    hasher, dummy_hash = cheap_passwords.REAL
    assert extract_parameters(dummy_hash) == RFC_9106_LOW_MEMORY
    assert not hasher.check_needs_rehash(dummy_hash)
    with app.app_context():
        assert passwords.verify_password(None, "a password of no account") is False
