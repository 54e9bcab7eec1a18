"""A worker in the test's own process."""

from __future__ import annotations

import threading

from flask import Flask

from blog_app.background import worker
from blog_app.data.backoff import Rests


def deliver_all(app: Flask, rests: Rests | None = None) -> int:
    """Deliver all due events, as one worker; return how many deliveries were attempted."""
    rests, total = rests or Rests(), 0
    while done := worker.deliver_due(app, rests, threading.Event()):
        total += done
    return total
