"""SQL log of development (`SQL_LOG=yes`): every message to PostgreSQL in full, with its time and its place in the code.

A message has all statements that travel together: pipelined ones come before the next statement or COMMIT. The cursor
that logs is chosen when a server is set up, so without the setting no statement does any work for it.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg2.extensions

from blog_app.config import ROOT

log = logging.getLogger("blog_app.sql")
log.setLevel(logging.INFO)  # Whatever LOG_LEVEL is: the setting asks for it.

CODE, DATA_LAYER = str(ROOT), str(Path(__file__).parents[1])


class LoggingCursor(psycopg2.extensions.cursor):
    """A cursor that logs what it sends."""

    def execute(self, query: Any, vars: Any = None) -> None:  # Its name in psycopg2.
        started = time.perf_counter()
        try:
            super().execute(query, vars)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            fields = {"milliseconds": milliseconds, "place": place()}
            log.info("%s", (self.query or b"").decode(errors="replace"), extra={"fields": fields})


def place() -> str:
    """Return `file:line` of the innermost frame in this project's code outside of its data layer."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        if file.startswith(CODE) and not file.startswith(DATA_LAYER) and "site-packages" not in file:
            return f"{file.removeprefix(CODE).lstrip('/')}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
