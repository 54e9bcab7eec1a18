"""Registration: an account is created when its address is confirmed; no account enumeration."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from blog_app.accounts.models import Registration, User
from blog_app.accounts.signed_tokens import REGISTRATION
from blog_app.data.models import now
from tests.helpers.caller import PASSWORD, anonymous, sign_up
from tests.helpers.mails import mails, register, token_for
from tests.helpers.statements import captured_statements

BODY = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}


def sign_in(app: Flask, email: str = "ada@example.com", password: str = PASSWORD, *, status: int = 201) -> Any:
    return anonymous(app).post("/tokens", {"email": email, "password": password}, status=status)


def test_an_account_is_created_by_the_mailed_token_and_not_before(app: Flask) -> None:
    token = register(app)
    sign_in(app, status=401)
    me = anonymous(app).post("/users/confirmation", {"token": token}, status=200).json
    assert (me["email"], me["name"], me["status"], me["roles"]) == ("ada@example.com", "Ada", "active", [])
    sign_in(app)


def test_a_token_works_once(app: Flask) -> None:
    token = register(app)
    anonymous(app).post("/users/confirmation", {"token": token}, status=200)
    problem = anonymous(app).post("/users/confirmation", {"token": token}, status=422).json
    assert problem["errors"][0]["pointer"] == "/token"


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: "x" + token, lambda _: "🗝", lambda _: ""])
def test_a_forged_token_is_refused(app: Flask, spoil: Any) -> None:
    token = register(app)
    anonymous(app).post("/users/confirmation", {"token": spoil(token)}, status=422)


def test_a_token_expires(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    token = register(app)
    later = (now() + timedelta(hours=REGISTRATION.hours, minutes=1)).timestamp()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    anonymous(app).post("/users/confirmation", {"token": token}, status=422)


def test_a_registration_has_the_same_response_and_statements_for_a_taken_address(app: Flask) -> None:
    register(app, "first@example.com")  # Warm up what is done once in a process.
    with captured_statements() as free:
        fresh = anonymous(app).post("/users", BODY, status=202)
    anonymous(app).post("/users/confirmation", {"token": token_for(app, "ada@example.com")}, status=200)
    before = len(mails(app, "ada@example.com"))
    with captured_statements() as taken:
        again = anonymous(app).post("/users", {**BODY, "name": "Eve"}, status=202)
    assert (again.data, taken) == (fresh.data, free)
    new = mails(app, "ada@example.com")[before:]
    assert [mail["Subject"] for mail in new] == ["You already have an account"]
    assert "Eve" not in new[0].get_content()
    sign_in(app)


def test_an_unconfirmed_address_can_be_registered_again(app: Flask) -> None:
    register(app, name="A squatter")
    token = register(app, name="Ada")
    assert anonymous(app).post("/users/confirmation", {"token": token}, status=200).json["name"] == "Ada"


def test_of_concurrent_confirmations_one_creates_the_account(app: Flask) -> None:
    tokens = [register(app, name=name) for name in ("Ada", "Ada too")]

    def confirm(token: str) -> int:
        return app.test_client().post("/api/v1/users/confirmation", json={"token": token}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(confirm, tokens * 2))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 422}
    with app.app_context():
        assert User.select().where(User.email == "ada@example.com").count() == 1


@pytest.mark.parametrize(
    ("spelled", "stored"),
    [
        (" ADA@Example.COM ", "ada@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("mi\u212ae@example.com", "mike@example.com"),
        ("a@xn--bcher-kva.de", "a@b\u00fccher.de"),
        ("😀@example.com", "😀@example.com"),
    ],
)
def test_an_email_address_is_normalized(app: Flask, spelled: str, stored: str) -> None:
    anonymous(app).post("/users", {**BODY, "email": spelled}, status=202)
    with app.app_context():
        assert Registration.get().email == stored


@pytest.mark.parametrize("email", ["ada", "ada@", "@example.com", "a b@example.com", "a\n@example.com", "a@b", 5, None])
def test_an_invalid_email_address_is_refused(app: Flask, email: Any) -> None:
    problem = anonymous(app).post("/users", {**BODY, "email": email}, status=422).json
    assert problem["errors"][0]["pointer"] == "/email"


@pytest.mark.parametrize(
    "password",
    [
        "Short-1",
        "no-upper-case-1",
        "No-Digit-Here",
        "Password1",
        "PASSWORD123",
        "Qwerty123",
        "Aa1\x00bcdefg",
        "x" * 201,
    ],
)
def test_a_weak_password_is_refused(app: Flask, password: str) -> None:
    problem = anonymous(app).post("/users", {**BODY, "password": password}, status=422).json
    assert {error["pointer"] for error in problem["errors"]} == {"/password"}


def test_a_password_matches_however_its_accents_are_composed(app: Flask) -> None:
    anonymous(app).post("/users", {**BODY, "password": "Caf\u00e9-Noir-1"}, status=202)
    anonymous(app).post("/users/confirmation", {"token": token_for(app, "ada@example.com")}, status=200)
    sign_in(app, password="Cafe\u0301-Noir-1")


def test_mail_to_one_address_is_throttled(app: Flask, clock: datetime) -> None:
    for _ in range(6):
        anonymous(app).post("/users", BODY, status=202)
    refused = anonymous(app).post("/users", BODY, status=429)
    assert refused.headers["Retry-After"] == "2"
    anonymous(app).post("/users", {**BODY, "email": "other@example.com"}, status=202)


def test_password_hashes_and_email_addresses_of_users_are_not_exposed(app: Flask) -> None:
    member = sign_up(app)
    anonymous(app).post("/users/confirmation", {"token": register(app)}, status=200)
    for path in ("/users", "/users?include=profile"):
        text = member.get(path).get_data(as_text=True)
        assert "@" not in text
        assert "argon2" not in text
    assert {user["email"] for user in member.get("/users?fields=email&sort=email").json["data"]} == {None}
    member.get("/users?email=ada@example.com", status=403)


def test_new_users_get_the_roles_that_the_setting_names(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(app.config["SETTINGS"], new_user_roles=("author", "vendor"))
    monkeypatch.setitem(app.config, "SETTINGS", given)
    user_id = anonymous(app).post("/users/confirmation", {"token": register(app)}, status=200).json["id"]
    granted = sign_up(app, "admin").get(f"/users/{user_id}/roles").json["data"]
    assert {(grant["role"], grant["granted_by_id"]) for grant in granted} == {("author", None), ("vendor", None)}
