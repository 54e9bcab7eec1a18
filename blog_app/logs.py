"""Logging: JSON lines on standard output, one per request, all of them with the request's id.

The id comes from the `X-Request-Id` header where that is harmless, else it is made here; the response repeats it.
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

HARMLESS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
access = logging.getLogger("blog_app.access")


class Current(NamedTuple):
    """The request that is being answered."""

    request_id: str
    started: float
    """A reading of the performance counter."""


_current: ContextVar[Current | None] = ContextVar("current", default=None)


def begin(given: str) -> None:
    """Begin a request that came with the id `given`, or with none (an empty string)."""
    identifier = given if given and HARMLESS_ID.fullmatch(given) else uuid7().hex
    _current.set(Current(identifier, time.perf_counter()))


def end() -> None:
    """End the request: what is logged from now on belongs to none."""
    _current.set(None)


def request_id() -> str | None:
    """Return the id of the current request, None outside one."""
    current = _current.get()
    return current.request_id if current else None


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": {...}}` adds to it."""

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
    """Send everything that is logged to standard output as JSON lines."""
    # What no line shows need not be found out for each (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def tell(method: str, path: str, status: int, user_id: object, cache: str | None) -> None:
    """Log that the current request was answered.

    `cache` says whether the answer was a hit, a miss or a bypass, of a request that could have been one.
    """
    current = _current.get()
    if current is None or not access.isEnabledFor(logging.INFO):
        return
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round((time.perf_counter() - current.started) * 1000, 2),
        "cache": cache,
        "user": str(user_id) if user_id else None,
        "request_id": current.request_id,
    }
    access.info("%s %s %s", method, path, status, extra={"fields": fields})
