"""The audit trail: every write operation leaves one entry, with actor, action and subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from blog_app.accounts import passwords, signed_tokens
from blog_app.accounts.models import Registration, User
from blog_app.api.execution import writes
from blog_app.api.operation import Operation
from blog_app.background.outbox import tables
from blog_app.blog.models import Category, Image, Post
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.files import tree
from blog_app.files.models import Node
from blog_app.shop.models import Product
from tests.helpers import audit_entries, objects
from tests.helpers.caller import API, PASSWORD, Caller, anonymous, sign_up
from tests.helpers.operations import OPERATIONS
from tests.helpers.shop import LONDON

UNSAFE = {name: operation for name, operation in OPERATIONS.items() if operation.method != "GET"}
PASSWORD_HASH = passwords.hasher.hash(PASSWORD)


def token(purpose: signed_tokens.Purpose, caller: Caller, **content: Any) -> dict[str, str]:
    return {"token": signed_tokens.sign(purpose, id=caller.user_id, version=1, **content)}


def registration() -> dict[str, str]:
    wish = Registration.create(email="eve@example.com", name="Eve", password_hash="-")
    return {"token": signed_tokens.sign(signed_tokens.REGISTRATION, id=str(wish.id))}


def someone() -> str:
    return str(User.create_with_profile("eve@example.com", "Eve", "-").id)


def wish(caller: Caller) -> dict[str, Any]:
    item = {"product_id": str(objects.product(UUID(caller.user_id), public=True)), "quantity": 1}
    return {"items": [item], "address_id": str(objects.shipping_address(UUID(caller.user_id)))}


PRODUCT = {"type": "physical", "name": "Kettle", "price": "20.00", "stock": 1}
CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}
BODIES: Mapping[str, Callable[[Caller], Any]] = {
    "POST /users/confirmation": lambda caller: registration(),
    "PUT /me/password": lambda caller: {"current_password": PASSWORD, "password": "Other-Horse-2"},
    "PUT /me/email": lambda caller: {"email": "new@example.com", "password": PASSWORD},
    "POST /me/email/confirmation": lambda caller: token(
        signed_tokens.EMAIL_CHANGE, caller, email="new@example.com", keep=caller.user_id
    ),
    "POST /tokens": lambda caller: CREDENTIALS,
    "POST /password-resets/completion": lambda caller: {
        **token(signed_tokens.PASSWORD_RESET, caller),
        "password": "Other-Horse-2",
    },
    "PUT /users/{user_id}": lambda caller: {"name": "Eve", "email": "new@example.com"},
    "POST /friend-requests": lambda caller: {"user_id": someone()},
    "POST /products": lambda caller: PRODUCT,
    "PUT /products/{key}": lambda caller: PRODUCT,
    "PATCH /addresses/{address_id}": lambda caller: LONDON,
    "POST /orders": wish,
}
"""Bodies of operations that need another one than the example in their documentation."""

DELETED: Mapping[str, Callable[[str], None]] = {
    "PUT /posts/{key}/restoration": lambda key: Post.get_by_id(key).soft_delete(),
    "DELETE /posts/{key}/remains": lambda key: Post.get_by_id(key).soft_delete(),
    "DELETE /users/{user_id}/remains": lambda key: User.get_by_id(key).soft_delete(),
    "DELETE /categories/{key}/remains": lambda key: Category.get_by_id(key).soft_delete(),
    "DELETE /images/{image_id}/remains": lambda key: Image.get_by_id(key).soft_delete(),
    "DELETE /products/{key}/remains": lambda key: Product.get_by_id(key).soft_delete(),
    "DELETE /files/{node_id}/remains": lambda key: tree.move_to_trash(Node.get_by_id(key)),
}
"""How to delete the object of an operation that requires a deleted one."""

QUERIES = {"POST /files": "?name=tea.json"}
ANONYMOUS = {
    "POST /users",
    "POST /users/confirmation",
    "POST /tokens",
    "POST /password-resets",
    "POST /password-resets/completion",
    "POST /me/email/confirmation",
}

ABOUT = {
    "POST /users": "accounts.registrations",
    "POST /tokens": "accounts.tokens",
    "POST /password-resets": None,
    "POST /password-resets/completion": "accounts.users",
    "POST /me/email/confirmation": "accounts.users",
    "PUT /me/profile": "accounts.profiles",
    "PATCH /me/profile": "accounts.profiles",
    "DELETE /users/{user_id}/roles/{role}": "accounts.role_grants",
    "DELETE /me/friends/{user_id}": "accounts.pairs",
    "PUT /me/blocks/{user_id}": "accounts.pairs",
    "DELETE /me/blocks/{user_id}": "accounts.users",
    "PUT /customers/{user_id}/purchase-limit": "shop.customers",
}
"""The subject of operations that neither response nor path names."""


@dataclass
class Attempt:
    """A request that tries an operation."""

    app: Flask
    operation: Operation
    caller: Caller
    url: str
    body: Any

    def send(self) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.caller.token}"} if self.caller.token else {}
        if self.operation.replayable:
            headers["Idempotency-Key"] = "0b51ad2e-1"
        return self.app.test_client().open(
            API + self.url, method=self.operation.method, json=self.body, headers=headers
        )


def prepare(app: Flask, name: str, document: dict[str, Any]) -> Attempt:
    """Create a caller who may do it, an admin or an anonymous one, and the object."""
    method, _, path = name.partition(" ")
    admin = sign_up(app, "admin")
    sign_up(app, "admin")  # Another, or this one could not leave.
    owner = sign_up(app) if path.startswith("/users/{") else admin
    with app.app_context():
        known = {"email": "ada@example.com", "password_hash": PASSWORD_HASH}
        User.update(known).where(User.id == admin.user_id).execute()
        example = objects.body_of(document, document["paths"][API + path][method.lower()])
        body = BODIES[name](admin) if name in BODIES else example
        url = objects.url(app, path, owner=UUID(owner.user_id))
        if name in DELETED:
            DELETED[name](url.split("/")[2])
    caller = anonymous(app) if name in ANONYMOUS else admin
    return Attempt(app, UNSAFE[name], caller, url + QUERIES.get(name, ""), body)


@pytest.mark.parametrize("name", UNSAFE)
def test_an_operation_leaves_one_audit_entry_none_if_it_fails_and_no_second_if_it_is_retried(
    app: Flask, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    attempt = prepare(app, name, document)
    operation, caller = attempt.operation, attempt.caller
    if operation.atomic:
        with monkeypatch.context() as patch:
            patch.setattr(writes, "_respond", broken)
            assert attempt.send().status_code == 500
        assert audit_entries.pending() == []

    response = attempt.send()
    assert response.status_code < 300, response.text
    if operation.replayable:
        assert attempt.send().headers["Idempotency-Replayed"]
    (entry,) = audit_entries.pending()
    assert (entry["database"], entry["action"]) == (operation.database.name, operation.endpoint)
    assert (entry["actor_type"], entry["actor_id"]) == ("user" if caller.token else "anonymous", caller.user_id)
    if name in ABOUT:
        assert entry["subject_type"] == ABOUT[name]
    elif response.is_json and "id" in response.json:
        assert entry["subject_id"] == response.json["id"]
    else:
        named = list(objects.values_in(name.partition(" ")[2], attempt.url).values())
        assert entry["subject_id"] == (named[-1] if named else caller.user_id)


def broken(*_: Any) -> None:
    raise RuntimeError("Failure after the change.")


REJECTED = [
    ("PATCH", "/posts/{post}", {"title": "Tea"}, {"If-Match": '"7"'}, 412),
    ("PATCH", "/posts/{post}", {"title": ""}, {}, 422),
    ("PATCH", f"/posts/{UUID(int=0)}", {"title": "Tea"}, {}, 404),
    ("DELETE", "/posts/{foreign}", None, {}, 403),
    ("POST", "/posts?colour=red", {"title": "Tea", "content": "Boil."}, {}, 400),
    ("POST", "/posts", {"title": "Tea", "content": "Boil.", "slug": "taken"}, {}, 409),
    ("PUT", "/users/{author}/status", {"status": "suspended"}, {}, 403),
    ("POST", "/tokens", {"email": "nobody@example.com", "password": PASSWORD}, {}, 401),
    ("PUT", "/me/password", {"current_password": "wrong", "password": "Other-Horse-2"}, {}, 422),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), REJECTED)
def test_a_rejected_request_leaves_no_audit_entry(
    app: Flask, method: str, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    author, other = sign_up(app, "author"), sign_up(app, "author")
    with app.app_context():
        foreign = objects.post(UUID(other.user_id), public=True)
        Post.update(slug="taken").where(Post.id == foreign).execute()
        own = objects.post(UUID(author.user_id), public=True)
        url = path.format(post=own, foreign=foreign, author=author.user_id)
    author.send(method, url, body, status=status, headers=headers)
    assert audit_entries.pending() == []


def test_a_transaction_that_fails_at_commit_leaves_no_audit_entry(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    author = sign_up(app, "author")
    monkeypatch.setitem(tables.INSERT_DELIVERY, "blog", DeclaredSQL("SELECT 1 / 0 -- %s %s %s %s %s"))
    author.post("/posts", {"title": "Tea", "content": "Boil."}, status=422)
    monkeypatch.undo()
    assert audit_entries.pending() == []
    assert author.get("/posts").json["data"] == []
