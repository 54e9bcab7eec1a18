"""Tables for what the tests' handlers do, and a worker that works off what is due."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from blog_app.data import databases
from blog_app.data.backoff import Rests
from tests.helpers.outbox_handlers import EFFECTS
from tests.helpers.worker import work


@pytest.fixture(autouse=True)
def effects(app: Flask) -> Iterator[None]:
    """Empty tables for the handlers of the tests, gone afterwards: no migration knows them."""
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
    """A function that delivers what is due, as one worker, and returns how many deliveries it tried."""
    return functools.partial(work, app, Rests())
