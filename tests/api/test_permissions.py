"""The permissions table holds: every role tries every endpoint, on its own objects and on those of others."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from blog_app import create_app
from blog_app.api.operation import Operation
from blog_app.config import Settings
from blog_app.permissions import PERMISSIONS, ROLES, Rule, Scope
from tests.helpers import objects
from tests.helpers.caller import API, Caller, anonymous, expired, revoked, sign_up, suspended
from tests.helpers.operations import OPERATIONS, every_operation

REJECTED = (401, 403, 404)


def call(caller: Caller, name: str, document: dict[str, Any], *, owner: Caller, public: bool = True) -> TestResponse:
    """Send the operation with a small valid body to an object created for it."""
    method, _, path = name.partition(" ")
    body = objects.body_of(document, document["paths"][API + path][method.lower()])
    headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
    if name in objects.PREPARATIONS:
        with caller.app.app_context():
            objects.PREPARATIONS[name]()
    url = objects.url(caller.app, path, owner=owner.user_id, public=public)
    return caller.app.test_client().open(API + url, method=method, headers=headers, json=body)


def is_allowed(rule: Rule, roles: tuple[str, ...] | None, operation: Operation, *, own: bool, public: bool) -> bool:
    """Return whether the table allows an operation on an object: the caller's own or not, public or hidden."""
    scope = rule.scope(roles)
    if scope is Scope.OWN:
        return own or (public and operation.method == "GET")
    return scope is Scope.ALL or (scope is Scope.PUBLIC and public)


@every_operation
def test_every_role_may_do_exactly_what_the_permissions_table_says(
    app: Flask, document: dict[str, Any], name: str
) -> None:
    operation = OPERATIONS[name]
    for role, own, public in product(("anonymous", *ROLES), (True, False), (True, False)):
        path = name.partition(" ")[2]
        if (own and role == "anonymous") or public not in objects.visibilities(path):
            continue
        caller = anonymous(app) if role == "anonymous" else sign_up(app, *{role} - {"member"})
        owner = caller if own else sign_up(app, "author")
        response = call(caller, name, document, owner=owner, public=public)
        roles = None if role == "anonymous" else (role,)
        own = own or not objects.have_owners(path)
        wanted = is_allowed(PERMISSIONS[operation.endpoint], roles, operation, own=own, public=public)
        case = f"{role} on {'their own' if own else 'another'}, {'public' if public else 'hidden'} object"
        assert response.status_code < 500, (case, response.text)
        assert (response.status_code not in REJECTED) == wanted, (case, response.status_code, response.text)


@every_operation
@pytest.mark.parametrize("state", [revoked, expired, suspended])
def test_a_revoked_or_expired_token_or_one_of_a_suspended_user_is_rejected(
    app: Flask, document: dict[str, Any], name: str, state: Any
) -> None:
    caller = state(sign_up(app, "admin"))
    assert call(caller, name, document, owner=sign_up(app)).status_code == 401


def test_the_app_does_not_start_if_an_endpoint_has_no_permissions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PERMISSIONS, "posts.list_posts")
    with pytest.raises(RuntimeError, match=r"posts\.list_posts has no row"):
        create_app(settings)


def test_the_app_does_not_start_if_permissions_have_no_endpoint(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PERMISSIONS, "posts.burn_post", PERMISSIONS["posts.list_posts"])
    with pytest.raises(RuntimeError, match=r"posts\.burn_post has a row .* is no endpoint"):
        create_app(settings)
