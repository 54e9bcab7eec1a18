"""Logging: JSON lines on standard output, an access log line for each request, the request id on every line.

The id is that of the `X-Request-Id` header if that is valid, else a new one; the response repeats it.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from uuid_utils import uuid7

VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
access = logging.getLogger("blog_app.access")


class CurrentRequest(NamedTuple):
    """The request that this thread handles."""

    request_id: str
    started: float
    """In seconds of `time.perf_counter`."""


_current: ContextVar[CurrentRequest | None] = ContextVar("current", default=None)


def begin_request(given: str) -> None:
    """Begin a request whose `X-Request-Id` is `given`, or empty."""
    identifier = given if given and VALID_ID.fullmatch(given) else uuid7().hex
    _current.set(CurrentRequest(identifier, time.perf_counter()))


def end_request() -> None:
    """End the request: later log lines have no request id."""
    _current.set(None)


def request_seconds() -> float:
    """Return how long the current request has taken so far, 0 outside one."""
    current = _current.get()
    return time.perf_counter() - current.started if current else 0.0


def request_id() -> str | None:
    """Return the id of the current request, None outside one."""
    current = _current.get()
    return current.request_id if current else None


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := _current.get():
            line["request_id"] = current.request_id
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


def configure(level: str) -> None:
    """Configure the root logger: JSON lines on standard output."""
    # Do not collect for each record what no line shows (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def log_request(
    method: str, path: str, status: int, *, seconds: float, user_id: object, cache: str | None, address: str
) -> None:
    """Write the access log line of the current request.

    `cache` is `hit`, `miss` or `bypass` for a response that can be cached, `address` the client's.
    """
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round(seconds * 1000, 2),
        "cache": cache,
        "user": str(user_id) if user_id else None,
        "address": address,
        "request_id": request_id(),
    }
    access.info("%s %s %s", method, path, status, extra={"fields": fields})
