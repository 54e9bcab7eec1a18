"""`/` says what this is, `/healthz` that the process lives, `/readyz` whether what it needs answers."""

from __future__ import annotations

from typing import Any

import redis
from flask import Flask, Response

from blog_app.api.responses.representation import render
from blog_app.config import settings
from blog_app.data import databases
from blog_app.operations.migrate import files, history

REDIS_TIMEOUT_SECONDS = 1


def init_app(app: Flask) -> None:
    """Add the three endpoints; they need no token."""
    app.add_url_rule("/", "index", index)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)


def index() -> Response:
    """Say what this is, and where to go on."""
    links = {
        "documentation": "/docs",
        "openapi": "/openapi.json",
        "api": "/api/v1",
        "alive": "/healthz",
        "ready": "/readyz",
    }
    return _json({"name": "blog_app", "description": "A blog platform's backend: a JSON API.", "links": links})


def healthz() -> Response:
    """Say that this process answers; nothing else is asked."""
    return _json({"status": "ok"})


def readyz() -> Response:
    """Ask each logical database and Redis; 503 if one of them is away or has migrations pending."""
    checks = {database.name: _database(database) for database in databases.ALL}
    checks["redis"] = _redis(settings().redis_url)
    ready = all(check["status"] in ("ok", "not configured") for check in checks.values())
    return _json({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)


def _database(database: databases.LogicalDatabase) -> dict[str, Any]:
    try:
        applied = history.applied(database, database.name)
    except databases.CONNECTION_ERRORS:
        return {"status": "away"}
    pending = [migration.name for migration in files.read(database.name) if migration.name not in applied]
    return {"status": "migrations pending", "pending": pending} if pending else {"status": "ok"}


def _redis(url: str | None) -> dict[str, Any]:
    if url is None:
        return {"status": "not configured"}
    client = redis.Redis.from_url(
        url, socket_timeout=REDIS_TIMEOUT_SECONDS, socket_connect_timeout=REDIS_TIMEOUT_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError:
        return {"status": "away"}
    finally:
        client.close()
    return {"status": "ok"}


def _json(document: Any, status: int = 200) -> Response:
    return Response(render(document), status=status, content_type="application/json")
