"""Fixtures of the tests of the shop."""

import pytest

from blog_app.data.models import now
from blog_app.shop import customers


@pytest.fixture(autouse=True)
def this_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of the monthly limit, so that no month ends during a test."""
    instant = now()
    monkeypatch.setattr(customers, "now", lambda: instant)
