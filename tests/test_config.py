"""Which settings are refused, and that errors hold no secret."""

from __future__ import annotations

import pytest

from blog_app.config import DATABASE_NAMES, NEW_USER_ROLES, ConfigurationError, Settings
from blog_app.permissions import ROLES

POOLED = {f"{name.upper()}_DATABASE_URL": f"postgres://u:p@pool:6432/{name}" for name in DATABASE_NAMES}
DIRECT = {f"{name.upper()}_DIRECT_URL": "postgres://u:p@db/site" for name in DATABASE_NAMES}
SHARED = {"DATABASE_URL": "postgres://u:p@pool:6432/site", "DIRECT_URL": "postgres://u:p@db/site"}


def read(*environments: dict[str, str]) -> Settings:
    environ = {"APP_MODE": "test"}
    for each in environments:
        environ |= each
    return Settings.from_environment(environ)


def test_a_direct_url_that_no_database_would_use_is_refused() -> None:
    without_blog = {name: url for name, url in DIRECT.items() if name != "BLOG_DIRECT_URL"}

    with pytest.raises(
        ConfigurationError, match=r"DIRECT_URL has no effect: .* Set BLOG_DIRECT_URL, or remove DIRECT_"
    ):
        read(POOLED, SHARED, without_blog)
    assert read(POOLED, SHARED, DIRECT).databases["blog"].direct_url == "postgresql://u:p@db/site"


def test_a_direct_url_is_for_the_databases_without_a_url_of_their_own() -> None:
    found = read(SHARED, {"BLOG_DATABASE_URL": "postgres://u:p@db2/blog"}).databases

    assert found["blog"].direct_url == "postgresql://u:p@db2/blog"
    assert found["shop"].direct_url == "postgresql://u:p@db/site"


@pytest.mark.parametrize("name", ["DATABASE_URL", "BLOG_DIRECT_URL", "SHOP_REPLICA_URLS"])
@pytest.mark.parametrize("letter", [*"@/?#%["])
@pytest.mark.parametrize("piece", ["hunter{}secret", "12{}z4", "{}secret", "secret{}"])
def test_a_password_that_is_not_escaped_is_refused_and_not_repeated(name: str, letter: str, piece: str) -> None:
    password = piece.format(letter)
    url = f"postgresql://someone:{password}@db.internal:5432/site"

    with pytest.raises(ConfigurationError) as refused:
        read({"DATABASE_URL": "postgresql://h/d"}, {name: url})

    assert str(refused.value).startswith(f"{name} is not a valid URL")
    assert not [part for part in ("hunter", "secret", "12", "z4") if part in str(refused.value)]


def test_a_password_that_is_escaped_or_needs_no_escape_is_taken() -> None:
    for password in ("a%40%2F%3F%23%25%5B", "a:b c!$&'()*+,;=-._~"):
        url = f"postgresql://u:{password}@%2Frun%2Fpostgres:6432/site?sslmode=prefer"
        assert read({"DATABASE_URL": url}).databases["blog"].url == url


def test_new_users_can_get_every_role_but_that_of_an_admin() -> None:
    assert set(NEW_USER_ROLES) == set(ROLES) - {"member", "admin"}
    assert read(SHARED, {"NEW_USER_ROLES": "author, vendor,author"}).new_user_roles == ("author", "vendor")
    with pytest.raises(ConfigurationError, match="NEW_USER_ROLES has 'admin', it may have: author, editor, vendor"):
        read(SHARED, {"NEW_USER_ROLES": "author,admin"})


@pytest.mark.parametrize("code", ["eur", "EURO", "XXX", "JPY", "€"])
def test_a_currency_is_an_iso_4217_code_with_two_decimal_places(code: str) -> None:
    assert read(SHARED).currency == "EUR"
    assert read(SHARED, {"CURRENCY": "CHF"}).currency == "CHF"
    with pytest.raises(ConfigurationError, match=f"CURRENCY is '{code}', it must be an ISO 4217 code"):
        read(SHARED, {"CURRENCY": code})
