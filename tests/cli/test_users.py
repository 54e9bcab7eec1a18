"""`flask users`: create, list, suspend."""

from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask

from blog_app.accounts.models import User
from tests.helpers.caller import PASSWORD, Caller, anonymous, sign_up


def users(app: Flask, *arguments: str, answers: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["users", *arguments], input=answers)


def test_the_first_admin_is_asked_for_a_password_and_can_sign_in(app: Flask) -> None:
    made = users(app, "create", "Ada@Example.com", "--admin", answers=f"Ada\n{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    token = anonymous(app).post("/tokens", {"email": "ada@example.com", "password": PASSWORD}).json["token"]
    me = Caller(app, token).get("/me?include=profile").json
    assert (me["name"], me["roles"], me["profile"]["bio"]) == ("Ada", ["admin"], "")


def test_all_that_is_missing_is_asked_for(app: Flask) -> None:
    made = users(app, "create", "--admin", answers=f"ada@example.com\nAda\n{PASSWORD}\n{PASSWORD}\n")
    assert made.output.splitlines()[-1] == "created ada@example.com, an admin"
    assert users(app, "list").output == "ada@example.com\tactive\tadmin\tAda\n"


def test_a_script_gives_the_password_by_standard_input_and_is_asked_nothing(app: Flask) -> None:
    made = users(app, "create", "ada@example.com", "--admin", "--password-stdin", answers=f"{PASSWORD}\n")
    assert made.output == "created ada@example.com, an admin\n"
    assert users(app, "list").output == "ada@example.com\tactive\tadmin\tada\n"
    assert "EMAIL" in users(app, "create", "--password-stdin", answers=f"{PASSWORD}\n").output
    assert users(app, "create", "eve@example.com", "--password-stdin").exit_code == 1


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("ada@example.com", "Password1", "common password"),
        ("ada@example.com", "short", "at least 8"),
        ("ada", PASSWORD, "@"),
        ("taken@example.com", PASSWORD, "already exists"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(app: Flask, email: str, password: str, message: str) -> None:
    with app.app_context():
        User.create_with_profile("taken@example.com", "Eve", "-")
    refused = users(app, "create", email, "--name", "Ada", answers=f"{password}\n{password}\n")
    assert (refused.exit_code, message in refused.output) == (1, True), refused.output
    with app.app_context():
        assert User.select().count() == 1


def test_the_list_shows_status_and_roles(app: Flask) -> None:
    admin, member = sign_up(app, "admin", "editor", name="Ada"), sign_up(app, name="Eve")
    member.delete("/me")
    email = admin.get("/me").json["email"]
    assert users(app, "list").output == f"{email}\tactive\tadmin,editor\tAda\n"
    assert users(app, "list", "--deleted").output.endswith("\tactive\t-\tEve\n")


def test_who_is_suspended_is_out_until_activated_and_the_last_admin_is_not_suspended(app: Flask) -> None:
    admin, member = sign_up(app, "admin"), sign_up(app)
    email = member.get("/me").json["email"]
    assert users(app, "suspend", email.upper()).output == f"{email} is suspended\n"
    member.get("/me", status=401)
    assert users(app, "activate", email).exit_code == 0
    refused = users(app, "suspend", admin.get("/me").json["email"])
    assert (refused.exit_code, "only admin" in refused.output) == (1, True)
    assert "no user" in users(app, "suspend", "nobody@example.com").output
