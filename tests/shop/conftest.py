"""What the tests of the shop share."""

import pytest

from blog_app.data.models import now
from blog_app.shop import customers


@pytest.fixture(autouse=True)
def this_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no month, for which a limit holds, end in the middle of a test."""
    instant = now()
    monkeypatch.setattr(customers, "now", lambda: instant)
