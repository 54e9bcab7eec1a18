"""Fixtures of the tests of accounts."""

from datetime import datetime

import pytest

from blog_app.accounts import throttling
from blog_app.data.models import now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Stop the clock of login throttling, so that a slow machine does not matter."""
    instant = now()
    monkeypatch.setattr(throttling, "now", lambda: instant)
    return instant
