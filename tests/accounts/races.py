"""Requests that are sent at the same moment."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

from flask import Flask

from tests.api import API, Caller


def race(app: Flask, *calls: tuple[Caller, str, str, Any]) -> list[int]:
    """Send all calls at once, each on database connections of its own; return their statuses."""
    barrier, statuses = Barrier(len(calls)), [0] * len(calls)

    def send(number: int, caller: Caller, method: str, path: str, body: Any) -> None:
        client = app.test_client()
        headers = {"Authorization": f"Bearer {caller.token}"}
        barrier.wait()
        statuses[number] = client.open(f"{API}{path}", method=method, json=body, headers=headers).status_code

    threads = [Thread(target=send, args=(number, *call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
