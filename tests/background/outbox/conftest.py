"""Fixtures of the outbox: tables for the effects of the test handlers, and a worker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.data.backoff import Backoff
from tests.helpers.outbox_handlers import EFFECTS
from tests.helpers.worker import deliver_all


@pytest.fixture(autouse=True)
def effects(app: Flask) -> Iterator[None]:
    """Create empty tables for the test handlers, and drop them afterwards."""
    for effect in EFFECTS:
        effect.drop_table()
        effect.create_table()
    yield
    for effect in EFFECTS:
        effect.drop_table()
    for database in databases.ALL:
        database.release()


@pytest.fixture
def deliver(app: Flask) -> Callable[[], int]:
    """A function that delivers all due events, as one worker, and returns how many deliveries were attempted."""
    return functools.partial(deliver_all, app, Backoff())
