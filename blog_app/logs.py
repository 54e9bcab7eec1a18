"""Logging: JSON lines on standard output, one per request, all of them with the request's id.

The id comes from the `X-Request-Id` header where that is harmless, else it is made here; the response repeats it.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask, Response, g, has_request_context, request
from uuid_utils import uuid7

HARMLESS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
access = logging.getLogger("blog_app.access")


def request_id() -> str | None:
    """Return the id of the current request, None outside one."""
    return g.get("request_id") if has_request_context() else None


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = g.get("request_id")
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


def configure(level: str) -> None:
    """Send everything that is logged to standard output as JSON lines."""
    # What no line shows need not be found out for each (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def id_for(given: str) -> str:
    """Return the id of a request that came with the id `given`, or with none."""
    return given if HARMLESS_ID.fullmatch(given) else uuid7().hex


def tell(
    method: str, path: str, status: int, started: float, user: str | None, request_id: str, cache: str | None
) -> None:
    """Log that a request was answered, which `started` at that reading of the performance counter.

    `cache` says whether the answer was a hit, a miss or a bypass, of a request that could have been one.
    """
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round((time.perf_counter() - started) * 1000, 2),
        "cache": cache,
        "user": user,
        "request_id": request_id,
    }
    access.info("%s %s %s", method, path, status, extra={"fields": fields})


def init_app(app: Flask) -> None:
    """Give each request an id, and a log line when it is answered."""

    @app.before_request
    def begin() -> None:
        g.request_id = id_for(request.headers.get("X-Request-Id", ""))
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.add("X-Request-Id", g.request_id)
        how = response.headers.get("X-Cache")
        tell(request.method, request.path, response.status_code, g.started, g.get("user_id"), g.request_id, how)
        return response
