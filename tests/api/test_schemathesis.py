"""Schemathesis on the OpenAPI document: no 5xx, no undocumented status or media type, responses match their schemas."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import given, settings, strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.helpers import objects
from tests.helpers.caller import API, sign_up
from tests.helpers.operations import OPERATIONS, every_operation

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
EXAMPLES = 500
"""About how many in all, so that the test stays short as the API grows."""


@pytest.fixture(scope="module")
def schema(migrated_app: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", migrated_app)


@every_operation
@settings(max_examples=max(3, EXAMPLES // len(OPERATIONS)))
@given(data=st.data())
def test_an_operation_conforms_to_the_openapi_document(app: Flask, schema: Any, name: str, data: st.DataObject) -> None:
    method, _, path = name.partition(" ")
    operation = schema[API + path][method]
    mode = data.draw(st.sampled_from(GenerationMode))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    admin = sign_up(app, "admin")
    if "{" in path and data.draw(st.booleans()):
        case.path_parameters = objects.values_in(path, objects.url(app, path, owner=admin.user_id))
    # What `fields` leaves out is required otherwise.
    sparse = any(name.startswith("fields") for name in case.query or {})
    checks = [each for each in CHECKS if each is not response_schema_conformance or not sparse]
    case.call_and_validate(checks=checks, headers={"Authorization": f"Bearer {admin.token}"})
