"""API tokens (sessions): signing in issues one, signing out revokes it."""

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
    """Return a new token with its secret; raise `Unauthorized` without saying which of the two was wrong."""
    counted = throttling.count_password_attempt(email)
    user = User.by_email(email)
    if not verify_password(user.password_hash if user else None, password) or user is None:
        raise _wrong_credentials()
    with databases.accounts.atomic():
        # If the sessions of this user were ended while the password was being verified, none is opened.
        active = User.select().where(User.id == user.id, User.status == "active")
        same = active.where(User.credentials_version == user.credentials_version).for_update("FOR SHARE").first()
        if same is None:
            raise _wrong_credentials()
        token = issue(same)
    throttling.take_back(*counted)
    throttling.recognize_client(email)
    return token


def issue(user: User) -> dict[str, Any]:
    """Issue a token to `user`; return its `id`, its secret as `token`, and `expires_at`."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    token = Token.create(
        user=user, token_hash=hash_token(secret), expires_at=now() + timedelta(days=settings().token_days)
    )
    return {"id": token.id, "token": secret, "expires_at": token.expires_at}


def revoke_all(user_id: UUID, *, except_id: UUID | None = None) -> None:
    """Revoke every token of a user, except one if given."""
    query = Token.delete().where(Token.user == user_id)
    (query.where(Token.id != except_id) if except_id else query).execute()


def _wrong_credentials() -> Unauthorized:
    return Unauthorized("Incorrect email address or password.")
