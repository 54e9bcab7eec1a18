"""A worker in the test's own process."""

from __future__ import annotations

import threading

from flask import Flask

from blog_app.background import worker
from blog_app.data.backoff import Backoff


def deliver_all(app: Flask, backoff: Backoff | None = None) -> int:
    """Deliver all due events, as one worker; return how many deliveries were attempted."""
    backoff, total = backoff or Backoff(), 0
    while done := worker.deliver_due(app, backoff, threading.Event()):
        total += done
    return total
