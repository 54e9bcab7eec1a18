"""Fixtures for the tests of the API conventions."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask


@pytest.fixture(scope="session")
def document(migrated_app: Flask) -> dict[str, Any]:
    """The OpenAPI document; read only."""
    return migrated_app.test_client().get("/openapi.json").json
