"""Every operation of the API by its name, such as `GET /posts/{key}`, for tests that go through all of them."""

from __future__ import annotations

import pytest

from blog_app import DOMAINS
from tests.helpers import objects

OPERATIONS = {
    f"{operation.method} {blueprint.url_prefix}{objects.path_of(operation)}": operation
    for domain in DOMAINS
    for blueprint in domain.blueprints
    for operation in blueprint.operations
}
every_operation = pytest.mark.parametrize("name", OPERATIONS)
