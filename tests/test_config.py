"""Which settings are refused, and that errors hold no secret."""

from __future__ import annotations

import pytest

from blog_app.config import DATABASE_NAMES, ConfigurationError, Settings

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
