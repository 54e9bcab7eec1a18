"""Signing in and out: tokens are made here, and ended."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from blog_app.accounts import throttling
from blog_app.accounts.models import Token, User
from blog_app.accounts.passwords import verify_password
from blog_app.api.auth import hash_token
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.errors import Unauthorized

TOKEN_BYTES = 32


def sign_in(email: str, password: str) -> dict[str, Any]:
    """Return a new token with its secret; raise `Unauthorized` without telling which of the two was wrong."""
    throttling.try_password(email)
    user = User.with_email(email)
    if not verify_password(user.password_hash if user else None, password) or user is None:
        raise _refused()
    with databases.accounts.atomic():
        # Whatever ended the sessions of this user while the password was being verified ends this one too.
        query = User.select().where(User.id == user.id, User.status == "active")
        same = query.where(User.credentials_version == user.credentials_version).for_update("FOR SHARE").first()
        if same is None:
            raise _refused()
        token = issue(same)
    throttling.password_was_right(email)
    return token


def issue(user: User) -> dict[str, Any]:
    """Make a token for `user`; return its `id`, its secret as `token`, and `expires_at`."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    token = Token.create(
        user=user,
        token_hash=hash_token(secret),
        expires_at=now() + timedelta(days=settings().token_days),
    )
    return {"id": token.id, "token": secret, "expires_at": token.expires_at}


def revoke_all(user_id: UUID, *, but: UUID | None = None) -> None:
    """End every token of a user, at once, except perhaps one."""
    query = Token.delete().where(Token.user == user_id)
    (query.where(Token.id != but) if but else query).execute()


def _refused() -> Unauthorized:
    return Unauthorized("The email address or the password is wrong.")
