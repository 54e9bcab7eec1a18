"""`flask worker`: what it checks before it works."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from blog_app.development.local.stack import Stack
from tests.helpers.programs import Program


@pytest.mark.pgbouncer
def test_the_worker_does_not_start_on_another_database_than_its_direct_url_names(stack: Stack) -> None:
    stack.postgres.create_database("another_deployment", owner="blog_app")
    direct = stack.postgres.url("another_deployment", "blog_app", stack.passwords.app)
    environment = os.environ | stack.environment() | {"APP_MODE": "development", "SHOP_DIRECT_URL": direct}

    with Program(Path(sys.executable).parent / "flask", "worker", environment=environment) as worker:
        assert worker.wait() == 1

        assert "Error: shop: SHOP_DATABASE_URL (or DATABASE_URL) leads to another database" in worker.said
        assert "Traceback" not in worker.said
