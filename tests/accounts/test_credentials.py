"""Password change, password reset and email address change."""

from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from blog_app.accounts.models import KnownClient, User
from blog_app.accounts.passwords import hash_password
from tests.helpers.caller import PASSWORD, Caller, anonymous
from tests.helpers.mails import mails, token_for
from tests.helpers.statements import captured_statements

EMAIL = "ada@example.com"
NEW = "Battery-Staple-2"


def sign_in(app: Flask, email: str = EMAIL, password: str = PASSWORD, *, status: int = 201) -> Any:
    return anonymous(app).post("/tokens", {"email": email, "password": password}, status=status).json


@pytest.fixture
def ada(app: Flask) -> Caller:
    with app.app_context():
        user = User.create_with_profile(EMAIL, "Ada", hash_password(PASSWORD))
    return Caller(app, sign_in(app)["token"], str(user.id))


def test_a_new_password_needs_the_current_one_and_ends_other_sessions(app: Flask, ada: Caller) -> None:
    other = Caller(app, sign_in(app)["token"])
    problem = ada.put("/me/password", {"current_password": "Wrong-1234", "password": NEW}, status=422).json
    assert problem["errors"][0]["pointer"] == "/current_password"
    other.get("/me")
    ada.put("/me/password", {"current_password": PASSWORD, "password": NEW}, status=204)
    ada.get("/me")
    other.get("/me", status=401)
    sign_in(app, status=401)
    sign_in(app, password=NEW)


def test_the_password_policy_applies_to_a_password_change(ada: Caller) -> None:
    ada.put("/me/password", {"current_password": PASSWORD, "password": "Password1"}, status=422)


def test_guessing_the_current_password_is_throttled(ada: Caller, clock: datetime) -> None:
    for _ in range(6):
        ada.put("/me/password", {"current_password": "Wrong-1234", "password": NEW}, status=422)
    ada.put("/me/password", {"current_password": PASSWORD, "password": NEW}, status=429)


def test_a_password_reset_ends_every_session_and_its_token_works_once(app: Flask, ada: Caller) -> None:
    anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    token = token_for(app, EMAIL)
    anonymous(app).post("/password-resets/completion", {"token": token, "password": "weak"}, status=422)
    anonymous(app).post("/password-resets/completion", {"token": token, "password": NEW}, status=204)
    ada.get("/me", status=401)
    sign_in(app, password=NEW)
    anonymous(app).post("/password-resets/completion", {"token": token, "password": "Other-Staple-3"}, status=422)
    sign_in(app, password=NEW)


def test_a_password_reset_lets_the_owner_in_during_a_spread_attack(app: Flask, ada: Caller, clock: datetime) -> None:
    for number in range(40):
        app.test_client().post(
            "/api/v1/tokens",
            json={"email": EMAIL, "password": "Wrong-1234"},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
    with app.app_context():
        KnownClient.delete().execute()
    sign_in(app, status=429)
    anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    anonymous(app).post("/password-resets/completion", {"token": token_for(app, EMAIL), "password": NEW}, status=204)
    sign_in(app, password=NEW)


def test_mails_are_limited_for_an_address_and_a_client_together_and_for_each(app: Flask, clock: datetime) -> None:
    def ask(email: str, address: str) -> int:
        return (
            app.test_client()
            .post("/api/v1/password-resets", json={"email": email}, environ_overrides={"REMOTE_ADDR": address})
            .status_code
        )

    assert [ask(EMAIL, "198.51.100.1") for _ in range(7)] == [202] * 6 + [429]
    assert ask(EMAIL, "192.0.2.1") == 202
    assert [ask(EMAIL, f"198.51.100.{n}") for n in range(2, 8)] == [202] * 4 + [429] * 2
    assert [ask(f"user{n}@example.com", "192.0.2.2") for n in range(52)] == [202] * 51 + [429]


def test_using_one_reset_token_invalidates_the_others(app: Flask, ada: Caller) -> None:
    tokens = []
    for _ in range(2):
        anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
        tokens.append(token_for(app, EMAIL))
    anonymous(app).post("/password-resets/completion", {"token": tokens[1], "password": NEW}, status=204)
    anonymous(app).post("/password-resets/completion", {"token": tokens[0], "password": NEW}, status=422)


def test_a_reset_request_has_the_same_response_and_statements_for_any_address(app: Flask, ada: Caller) -> None:
    anonymous(app).post("/password-resets", {"email": "first@example.com"}, status=202)
    with captured_statements() as known:
        first = anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    with captured_statements() as unknown:
        second = anonymous(app).post("/password-resets", {"email": "nobody@example.com"}, status=202)
    assert (first.data, known) == (second.data, unknown)
    assert mails(app, "nobody@example.com")[-1]["Subject"] == "No account for this email address"


@pytest.mark.parametrize("status", ["suspended", "inactive"])
def test_a_suspended_user_cannot_reset_the_password(app: Flask, ada: Caller, status: str) -> None:
    anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    token = token_for(app, EMAIL)
    with app.app_context():
        User.update(status=status).execute()
    anonymous(app).post("/password-resets/completion", {"token": token, "password": NEW}, status=422)


def test_a_token_for_one_purpose_is_invalid_for_another(app: Flask, ada: Caller) -> None:
    anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    token = {"token": token_for(app, EMAIL)}
    anonymous(app).post("/users/confirmation", token, status=422)
    anonymous(app).post("/me/email/confirmation", token, status=422)


def test_an_email_change_is_confirmed_with_the_mailed_token(app: Flask, ada: Caller) -> None:
    other = Caller(app, sign_in(app)["token"])
    ada.put("/me/email", {"email": "new@example.com", "password": "Wrong-1234"}, status=422)
    ada.put("/me/email", {"email": "new@example.com", "password": PASSWORD}, status=202)
    assert ada.get("/me").json["email"] == EMAIL
    other.get("/me")
    anonymous(app).post("/me/email/confirmation", {"token": token_for(app, "new@example.com")}, status=204)
    assert ada.get("/me").json["email"] == "new@example.com"
    other.get("/me", status=401)
    assert mails(app, EMAIL)[-1]["Subject"] == "Your email address was changed"
    sign_in(app, status=401)
    sign_in(app, "new@example.com")


def test_a_confirmed_address_cannot_be_confirmed_again_after_a_change_back(app: Flask, ada: Caller) -> None:
    ada.put("/me/email", {"email": "new@example.com", "password": PASSWORD}, status=202)
    first = token_for(app, "new@example.com")
    anonymous(app).post("/me/email/confirmation", {"token": first}, status=204)
    ada.put("/me/email", {"email": EMAIL, "password": PASSWORD}, status=202)
    anonymous(app).post("/me/email/confirmation", {"token": token_for(app, EMAIL)}, status=204)
    anonymous(app).post("/me/email/confirmation", {"token": first}, status=422)
    assert ada.get("/me").json["email"] == EMAIL


def test_only_the_mail_says_that_an_address_is_taken(app: Flask, ada: Caller) -> None:
    with app.app_context():
        User.create_with_profile("taken@example.com", "Eve", "-")
    bodies = [
        ada.put("/me/email", {"email": email, "password": PASSWORD}, status=202).data
        for email in ("taken@example.com", "free@example.com")
    ]
    assert len(set(bodies)) == 1
    assert mails(app, "taken@example.com")[-1]["Subject"] == "This email address is already in use"


def test_confirming_an_address_that_was_taken_meanwhile_is_a_conflict(app: Flask, ada: Caller) -> None:
    ada.put("/me/email", {"email": "new@example.com", "password": PASSWORD}, status=202)
    token = token_for(app, "new@example.com")
    with app.app_context():
        User.create_with_profile("new@example.com", "Eve", "-")
    problem = anonymous(app).post("/me/email/confirmation", {"token": token}, status=409).json
    assert problem["errors"][0]["pointer"] == "/email"
    ada.get("/me")


def test_hashing_holds_no_transaction(app: Flask, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from blog_app.accounts import passwords
    from blog_app.data import databases

    held = []

    def watched(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            held.append(databases.accounts.in_transaction())
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(passwords, "hasher", passwords.hasher)
    for name in ("hash", "verify"):
        monkeypatch.setattr(type(passwords.hasher), name, watched(getattr(type(passwords.hasher), name)))
    key = {"Idempotency-Key": "slow"}
    anonymous(app).post("/users", {"email": "eve@example.com", "name": "Eve", "password": PASSWORD}, status=202, **key)
    sign_in(app)
    ada.put("/me/email", {"email": "new@example.com", "password": PASSWORD}, status=202)
    anonymous(app).post("/me/email/confirmation", {"token": token_for(app, "new@example.com")}, status=204)
    ada.put("/me/password", {"current_password": PASSWORD, "password": NEW}, status=204)
    anonymous(app).post("/password-resets", {"email": "new@example.com"}, status=202, **key)
    body = {"token": token_for(app, "new@example.com"), "password": PASSWORD}
    anonymous(app).post("/password-resets/completion", body, status=204, **key)
    assert len(held) == 6
    assert not any(held)
