"""An API client for tests: sends JSON with a token, and checks the status of the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from blog_app.accounts import tokens
from blog_app.accounts.models import RoleGrant, Token, User
from blog_app.data import databases
from blog_app.data.models import now

API = "/api/v1"
PASSWORD = "Correct-Horse-1"
_numbers = count(1)


@dataclass
class Caller:
    """A client of the API; `token` is None for an anonymous one."""

    app: Flask
    token: str | None = None
    user_id: str | None = None

    def send(
        self, method: str, path: str, body: Any = None, *, status: int, headers: dict[str, str] | None = None
    ) -> Any:
        """Send a request, check the status, and return the response."""
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        response = self.app.test_client().open(
            API + path, method=method, headers=headers, **({"json": body} if body is not None else {})
        )
        assert response.status_code == status, (response.status_code, response.get_data(as_text=True))
        if status >= 400:
            assert response.mimetype == "application/problem+json"
        return response

    def deferred(self, method: str, path: str, body: Any = None) -> Callable[[], int]:
        """Return a function that sends a request and returns the status of the response, whatever it is."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return lambda: self.app.test_client().open(API + path, method=method, json=body, headers=headers).status_code

    def get(self, path: str, *, status: int = 200, **headers: str) -> TestResponse:
        return self.send("GET", path, status=status, headers=headers)

    def post(self, path: str, body: Any = None, *, status: int = 201, **headers: str) -> TestResponse:
        return self.send("POST", path, body, status=status, headers=headers)

    def put(self, path: str, body: Any = None, *, status: int = 200, **headers: str) -> TestResponse:
        return self.send("PUT", path, body, status=status, headers=headers)

    def patch(self, path: str, body: Any = None, *, status: int = 200, **headers: str) -> TestResponse:
        return self.send("PATCH", path, body, status=status, headers=headers)

    def delete(self, path: str, *, status: int = 204, **headers: str) -> TestResponse:
        return self.send("DELETE", path, status=status, headers=headers)


def anonymous(app: Flask) -> Caller:
    """Return a caller without a token."""
    return Caller(app)


def sign_up(app: Flask, *roles: str, name: str = "Somebody") -> Caller:
    """Return a new signed-in user with these roles. The password is not hashed: signing in has tests of its own."""
    with app.app_context(), databases.accounts.atomic():
        user = User.create_with_profile(f"user{next(_numbers)}@example.com", name, "-")
        for role in roles:
            RoleGrant.create(user=user, role=role)
        return Caller(app, tokens.issue(user)["token"], str(user.id))


def revoked(caller: Caller) -> Caller:
    """Revoke the token of the caller; return the caller."""
    with caller.app.app_context():
        tokens.revoke_all(caller.user_id)
    return caller


def expired(caller: Caller) -> Caller:
    """Let the token of the caller expire; return the caller."""
    with caller.app.app_context():
        Token.update(expires_at=now()).where(Token.user == caller.user_id).execute()
    return caller


def suspended(caller: Caller) -> Caller:
    """Suspend the account of the caller; return the caller."""
    with caller.app.app_context():
        User.update(status="suspended").where(User.id == caller.user_id).execute()
    return caller
