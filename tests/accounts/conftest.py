"""What the tests of accounts share."""

from datetime import datetime

import pytest

from blog_app.accounts import throttling
from blog_app.data.models import now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Let no time pass for the counters of tries, however slow this machine is."""
    instant = now()
    monkeypatch.setattr(throttling, "now", lambda: instant)
    return instant
