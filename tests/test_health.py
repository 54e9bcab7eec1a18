"""The index and the health checks."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from blog_app.config import DATABASE_NAMES
from blog_app.data import databases
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import history


def test_the_index_links_to_the_docs_and_health_checks(client: FlaskClient) -> None:
    links = client.get("/").json["links"]
    for link in ("documentation", "openapi", "alive", "ready"):
        with client.get(links[link], follow_redirects=True) as response:
            assert response.status_code == 200


def test_readyz_reports_each_logical_database_and_redis(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert set(response.json["checks"]) == {*DATABASE_NAMES, "redis"}
    assert {check["status"] for check in response.json["checks"].values()} == {"ok"}


def test_readyz_is_503_and_names_a_pending_migration(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    applied = history.applied
    monkeypatch.setattr(
        history,
        "applied",
        lambda database, name: {} if name == "blog" else applied(database, name),
    )
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json["checks"]["blog"]["status"] == "migrations pending"
    assert response.json["checks"]["blog"]["pending"][0].startswith("001_")
    assert response.json["checks"]["accounts"]["status"] == "ok"


def test_readyz_is_503_and_names_a_database_that_is_not_the_one_of_its_direct_url(
    client: FlaskClient, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.postgres.create_database("another_deployment", owner="blog_app")
    direct = stack.postgres.url("another_deployment", "blog_app", stack.passwords.app)
    monkeypatch.setattr(databases.blog, "settings", replace(databases.blog.settings, direct_url=direct))
    monkeypatch.setattr(databases.blog, "verified", "")

    response = client.get("/readyz")

    assert response.status_code == 503
    statuses = {name: check["status"] for name, check in response.json["checks"].items()}
    assert statuses == dict.fromkeys([*DATABASE_NAMES, "redis"], "ok") | {"blog": "wrong database"}
