"""The password policy: what is refused at every place that sets a password."""

import pytest
from flask import Flask

from blog_app.accounts.models import User
from blog_app.accounts.passwords import hash_password, weakness
from tests.helpers.caller import PASSWORD, Caller, anonymous, sign_up
from tests.helpers.mails import token_for

EMAIL, NAME = "ada.lovelace@example.com", "Augusta King"
PERSONAL = "Must not be your name or email address, or almost."


@pytest.mark.parametrize(
    "password",
    [
        "Aa1" + " " * 9,
        " " * 9 + "Aa1xyQ ",
        "Aa1 \t \t \u2003 x",
        "Aa1" + "\u200b" * 9,
        "Aaaaaaaaaaa1",
        "Ab1Ab1Ab1Ab1",
        "A1234567",
        "Abcdefgh1",
        "Zyx98765432",
        "Xk111111111111",
    ],
)
def test_blanks_repeated_and_sequential_characters_do_not_make_a_password_longer(password: str) -> None:
    assert weakness(password)


@pytest.mark.parametrize(
    "password",
    [
        "Ada.Lovelace@Example.com1",
        "ADA.LOVELACE1",
        "1Lovelace!",
        "AdaLovelace2026",
        "Augusta-King1",
        "King-Augusta-99",
        "\uff21ugusta2",
    ],
)
def test_the_own_name_or_address_with_little_added_is_refused(password: str) -> None:
    assert weakness(password, EMAIL, NAME) == PERSONAL
    assert weakness(password) is None


@pytest.mark.parametrize(
    "password", ["Correct-Horse-1", "A king of 5 kettles", "Lovelace-kettle-1", "xK9-mmQ2p", "Übergröße 1984"]
)
def test_a_good_password_may_hold_blanks_and_a_piece_of_the_name(password: str) -> None:
    assert weakness(password, EMAIL, NAME) is None
    assert weakness(password, "q@example.com", "Q") is None


def test_every_place_that_sets_a_password_refuses_the_own_address(app: Flask) -> None:
    weak = "Ada.Lovelace1"
    with app.app_context():
        user = User.create_with_profile(EMAIL, NAME, hash_password(PASSWORD))
    signed_in = anonymous(app).post("/tokens", {"email": EMAIL, "password": PASSWORD}).json
    anonymous(app).post("/password-resets", {"email": EMAIL}, status=202)
    me, stranger = Caller(app, signed_in["token"], str(user.id)), anonymous(app)
    problems = [
        me.put("/me/password", {"current_password": PASSWORD, "password": weak}, status=422),
        stranger.post("/password-resets/completion", {"token": token_for(app, EMAIL), "password": weak}, status=422),
        stranger.post("/users", {"email": EMAIL, "name": NAME, "password": weak}, status=422),
        sign_up(app, "admin").post("/users", {"email": EMAIL, "name": NAME, "password": weak}, status=422),
    ]
    assert [each.json["errors"] for each in problems] == [[{"pointer": "/password", "detail": PERSONAL}]] * 4
    command = ["users", "create", EMAIL, "--name", NAME, "--password", weak]
    assert PERSONAL in app.test_cli_runner().invoke(args=command).output
