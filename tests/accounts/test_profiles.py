"""Public profiles of users."""

from typing import Any

import pytest
from flask import Flask

from blog_app.accounts.models import Profile
from tests.helpers.caller import sign_up

FULL = {
    "display_name": "Ada 🫖",
    "bio": "Tea, and clocks.\nأهلا",
    "website": "https://ada.example.com/?a=b#c",
    "avatar_url": "http://pictures.example.com/ada.png",
    "social_links": {"mastodon": "https://mastodon.example/@ada", "code": "https://code.example/ada"},
}
EMPTY = {"display_name": None, "bio": "", "website": None, "avatar_url": None, "social_links": {}}


def values(profile: Any) -> dict[str, Any]:
    return {name: profile[name] for name in FULL}


def test_put_replaces_the_profile_and_patch_merges_into_it(app: Flask) -> None:
    member, other = sign_up(app), sign_up(app)
    assert values(member.get("/me/profile").json) == EMPTY
    assert values(member.put("/me/profile", FULL).json) == FULL
    assert values(other.get(f"/users/{member.user_id}/profile").json) == FULL
    patch = {"website": None, "social_links": {"code": None, "photos": "https://photos.example/ada"}}
    links = {"mastodon": FULL["social_links"]["mastodon"], "photos": "https://photos.example/ada"}
    assert values(member.patch("/me/profile", patch).json) == {**FULL, "website": None, "social_links": links}
    assert values(member.put("/me/profile", {}).json) == EMPTY


def test_a_missing_profile_is_created_by_an_update(app: Flask) -> None:
    member = sign_up(app)
    with app.app_context():
        Profile.delete().execute()
    assert member.get(f"/users/{member.user_id}?include=profile").json["profile"] is None
    member.patch("/me/profile", {"bio": "Ships."})
    assert member.get(f"/users/{member.user_id}?include=profile").json["profile"]["bio"] == "Ships."


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (field, url)
            for field in ("website", "avatar_url")
            for url in (
                "javascript:alert(1)",
                "data:text/html,x",
                "ftp://example.com",
                "//example.com",
                "https://ada:secret@example.com",
                'https://example.com/"onload=x',
                "https://example.com/\u202ex",
                "https://example.com:99999",
                "https://example.com/" + "x" * 2000,
                "https://",
                7,
            )
        ],
        ("social_links", {"x": "javascript:alert(1)"}),
        ("social_links", {"X Y": "https://example.com"}),
        ("social_links", {"x/y": "https://example.com"}),
        ("social_links", {"": "https://example.com"}),
        ("social_links", {f"x{number}": "https://example.com" for number in range(21)}),
        ("social_links", ["https://example.com"]),
        ("social_links", {"x": {"y": "z"}}),
        ("bio", "x\x00"),
        ("bio", "x" * 5001),
        ("display_name", ""),
        ("user_id", "01890000-0000-7000-8000-000000000000"),
    ],
)
def test_invalid_profile_values_are_refused(app: Flask, field: str, value: Any) -> None:
    errors = sign_up(app).patch("/me/profile", {field: value}, status=422).json["errors"]
    assert {error["pointer"].split("/")[1] for error in errors} == {field}
