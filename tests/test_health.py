"""The index and the health checks."""

import pytest
from flask.testing import FlaskClient

from blog_app.config import DATABASE_NAMES
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
