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


@pytest.mark.redis
def test_readyz_reports_each_logical_database_and_redis(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert set(response.json["checks"]) == {*DATABASE_NAMES, "redis"}
    assert {check["status"] for check in response.json["checks"].values()} == {"ok"}


@pytest.mark.parametrize(
    ("kept", "code", "overall", "blog"),
    [(1, 200, "degraded", "migrations pending"), (0, 503, "unavailable", "not migrated")],
)
def test_readyz_names_pending_migrations_and_is_503_if_a_database_is_empty(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, kept: int, code: int, overall: str, blog: str
) -> None:
    applied = history.applied
    monkeypatch.setattr(
        history,
        "applied",
        lambda database, name: dict(list(applied(database, name).items())[: kept if name == "blog" else None]),
    )
    response = client.get("/readyz")
    assert (response.status_code, response.json["status"]) == (code, overall)
    assert response.json["checks"]["blog"]["status"] == blog
    assert response.json["checks"]["blog"]["pending"][0].startswith(f"00{kept + 1}_")
    assert response.json["checks"]["accounts"]["status"] == "ok"


@pytest.mark.parametrize(
    ("away", "code", "overall"), [(("blog", "shop"), 200, "degraded"), (DATABASE_NAMES, 503, "unavailable")]
)
def test_readyz_is_503_only_if_no_database_answers(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, away: tuple[str, ...], code: int, overall: str
) -> None:
    monkeypatch.setattr(databases, "answering", lambda _deadline: set(DATABASE_NAMES) - set(away))
    response = client.get("/readyz")
    assert (response.status_code, response.json["status"]) == (code, overall)
    assert {name for name, check in response.json["checks"].items() if check["status"] == "away"} == set(away)


def test_readyz_is_degraded_without_redis(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    other = replace(client.application.config["SETTINGS"], redis_url=f"redis://127.0.0.1:{port}/0")
    monkeypatch.setitem(client.application.config, "SETTINGS", other)
    response = client.get("/readyz")
    assert (response.status_code, response.json["status"]) == (200, "degraded")
    assert response.json["checks"]["redis"] == {"status": "away"}


@pytest.mark.redis
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
