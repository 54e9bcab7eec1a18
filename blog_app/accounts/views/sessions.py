"""The endpoints of API tokens (sign in, sign out) and password resets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import credentials, schemas, tokens as actions
from blog_app.accounts.models import Token
from blog_app.accounts.views.users import MAIL_SENT
from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases

tokens = Blueprint("tokens", database=databases.accounts)
resets = Blueprint("resets", database=databases.accounts, prefix="/password-resets")


def token_at(token_id: UUID) -> Any:
    return allowed(Token).where(Token.id == token_id)


@tokens.creates("", schemas.CredentialsSchema, response=schemas.NewTokenSchema, atomic=False, secret=True)
def create_token(email: str, password: str) -> dict[str, Any]:
    """Sign in with an email address and password, and get an API token."""
    return actions.sign_in(email, password)


@tokens.lists("", schemas.TokenSchema)
def list_tokens() -> Any:
    """List your unexpired tokens. `current` marks the one that authenticated this request."""
    return allowed(Token)


@tokens.deletes("/<uuid:token_id>", load=token_at)
def revoke_token(token: Token) -> None:
    """Revoke one of your tokens."""
    token.delete_instance()


@tokens.deletes("")
def revoke_all_tokens() -> None:
    """Revoke all your tokens, including the one that authenticated this request."""
    actions.revoke_all(identity().user_id)


@resets.acts("POST", "", body=schemas.EmailAddressSchema, response=schemas.AcceptedSchema, status=202, atomic=False)
def ask_for_reset(email: str) -> dict[str, str]:
    """Request an email with a password reset token."""
    credentials.request_password_reset(email)
    return MAIL_SENT


@resets.acts("POST", "/completion", body=schemas.NewPasswordSchema, atomic=False)
def reset_password(token: str, password: str) -> None:
    """Set a new password with the mailed token. All your sessions end."""
    credentials.reset_password(token, password)
