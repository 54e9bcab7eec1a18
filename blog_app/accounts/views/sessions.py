"""Signing in and out, and getting in again without the password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import credentials
from blog_app.accounts import tokens as actions
from blog_app.accounts.models import Token
from blog_app.accounts.schemas import (
    AcceptedSchema,
    CredentialsSchema,
    EmailAddressSchema,
    NewPasswordSchema,
    NewTokenSchema,
    TokenSchema,
)
from blog_app.accounts.views.users import ON_ITS_WAY
from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases

tokens = Blueprint("tokens", database=databases.accounts)
resets = Blueprint("resets", database=databases.accounts, prefix="/password-resets")


def token_at(token_id: UUID) -> Any:
    return allowed(Token).where(Token.id == token_id)


@tokens.creates("", CredentialsSchema, answers=NewTokenSchema, atomic=False, secret=True)
def create_token(email: str, password: str) -> dict[str, Any]:
    """Sign in: exchange an email address and a password for a token."""
    return actions.sign_in(email, password)


@tokens.lists("", TokenSchema)
def list_tokens() -> Any:
    """List your tokens that have not expired; `current` is the one that this request was sent with."""
    return allowed(Token)


@tokens.deletes("/<uuid:token_id>", load=token_at)
def revoke_token(token: Token) -> None:
    """End one of your tokens."""
    token.delete_instance()


@tokens.deletes("")
def revoke_all_tokens() -> None:
    """End all your tokens, also the one that this request was sent with."""
    actions.revoke_all(identity().user_id)


@resets.does("POST", "", takes=EmailAddressSchema, answers=AcceptedSchema, status=202, atomic=False)
def ask_for_reset(email: str) -> dict[str, str]:
    """Ask for a mail with a token that lets you choose a new password."""
    credentials.ask_for_reset(email)
    return ON_ITS_WAY


@resets.does("POST", "/completion", takes=NewPasswordSchema, atomic=False)
def reset_password(token: str, password: str) -> None:
    """Choose a new password with the token of a mail; all sessions end."""
    credentials.reset_password(token, password)
