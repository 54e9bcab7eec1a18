"""Health checks: `/healthz` (liveness), `/readyz` (readiness: databases, migrations, Redis); and the index `/`."""

from __future__ import annotations

import time
from typing import Any

import redis
from flask import Flask, Response
from redis.backoff import NoBackoff
from redis.retry import Retry

from blog_app.api.docs import API
from blog_app.api.responses.json_encoder import json_response
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.watermarks.redis_link import UnsafeEviction, require_safe_eviction
from blog_app.operations.migrate import status

PROBE_SECONDS = 0.8
"""Seconds for all of them together."""
NOT_USED = "not used"
"""Of a Redis that answers, but must not be trusted with marks: everything works, without the cache."""


def init_app(app: Flask) -> None:
    """Register the three endpoints; they need no token."""
    app.add_url_rule("/", "index", index)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)


def index() -> Response:
    """Get the links to documentation, API and health checks."""
    links = {
        "documentation": "/docs",
        "openapi": "/openapi.json",
        "api": API,
        "alive": "/healthz",
        "ready": "/readyz",
    }
    return json_response({"name": "blog_app", "description": "The JSON API of a blog platform.", "links": links})


def healthz() -> Response:
    """Check liveness: this process responds."""
    return json_response({"status": "ok"})


def readyz() -> Response:
    """Check readiness: 503 if no database answers, one is the wrong one, or one is empty; else what is degraded.

    Without some of the databases, with migrations to come, or without Redis, an instance serves what it can, and no
    other instance can serve more.
    """
    deadline = time.monotonic() + PROBE_SECONDS
    databases.probe_all()
    redis_check = _check_redis(settings().redis_url)  # Meanwhile.
    answering = databases.answering(deadline)
    checks = {each.name: _check_database(each, each.name in answering) for each in databases.ALL}
    checks["redis"] = redis_check
    found = {check["status"] for check in checks.values()}
    if not answering or found & {"wrong database", "not migrated"}:
        return json_response({"status": "unavailable", "checks": checks}, 503)
    return json_response({"status": "ok" if found <= {"ok", "not configured"} else "degraded", "checks": checks})


def _check_database(database: databases.LogicalDatabase, answers: bool) -> dict[str, Any]:
    if not answers:
        return {"status": "away"}
    try:
        database.verify(settings())
        migrations = status.list_all(database, database.name)
    except databases.CONNECTION_ERRORS:
        return {"status": "away"}
    except databases.WrongDatabase:
        return {"status": "wrong database"}
    pending = [each.name for each in migrations if not each.migrated_at]
    if not pending:
        return {"status": "ok"}
    return {"status": "not migrated" if len(pending) == len(migrations) else "migrations pending", "pending": pending}


def _check_redis(url: str | None) -> dict[str, Any]:
    if url is None:
        return {"status": "not configured"}
    timeouts = {"socket_timeout": PROBE_SECONDS / 2, "socket_connect_timeout": PROBE_SECONDS / 2}
    try:
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **timeouts) as client:
            require_safe_eviction(client.info("memory"))
    except UnsafeEviction as error:
        return {"status": NOT_USED, "reason": str(error)}
    except redis.RedisError:
        return {"status": "away"}
    return {"status": "ok"}
