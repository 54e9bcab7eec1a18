"""What a worker does, here and now."""

from __future__ import annotations

import threading

from flask import Flask

from blog_app.background import worker
from blog_app.data.backoff import Rests


def work(app: Flask, rests: Rests | None = None) -> int:
    """Deliver all that is due, as one worker; return how many deliveries were tried."""
    rests, total = rests or Rests(), 0
    while done := worker.deliver_due(app, rests, threading.Event()):
        total += done
    return total
