"""Requests that are sent at the same moment."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask

from tests.api import API, Caller
from tests.threads import at_once


def race(app: Flask, *calls: tuple[Caller, str, str, Any]) -> list[int]:
    """Send all calls at once, each on database connections of its own; return their statuses."""

    def send(caller: Caller, method: str, path: str, body: Any) -> int:
        headers = {"Authorization": f"Bearer {caller.token}"}
        return app.test_client().open(f"{API}{path}", method=method, json=body, headers=headers).status_code

    return at_once(*(partial(send, *call) for call in calls))
