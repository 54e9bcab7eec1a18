"""Fixtures for the tests of the API conventions."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from blog_app.data import watermarks
from blog_app.development.local.process import wait_until

SECONDS = 20


@pytest.fixture(scope="session")
def document(migrated_app: Flask) -> dict[str, Any]:
    """The OpenAPI document; read only."""
    return migrated_app.test_client().get("/openapi.json").json


@pytest.fixture
def api(app: Flask) -> Flask:
    """The app with open epochs: the second read is a hit."""
    lease_manager = watermarks.lease_manager
    assert lease_manager, "these tests need Redis"
    assert wait_until(
        lambda: lease_manager.lease("blog") is not None and lease_manager.lease("accounts") is not None, SECONDS
    )
    return app
