"""The endpoints of accounts: people, and the tokens with which they prove who they are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app import databases
from blog_app.accounts import tokens
from blog_app.accounts.models import Token, User
from blog_app.accounts.passwords import hash_password
from blog_app.accounts.schemas import (
    CredentialsSchema,
    MeSchema,
    NewTokenSchema,
    RegistrationSchema,
    TokenSchema,
    UserSchema,
)
from blog_app.auth import allowed, identity
from blog_app.http import Blueprint

users = Blueprint("users", database=databases.accounts)
session = Blueprint("accounts", database=databases.accounts, prefix="")


@users.creates("", RegistrationSchema, answers=MeSchema, atomic=False)
def create_user(email: str, name: str, password: str) -> User:
    """Open an account."""
    return User.create(email=email, name=name, password_hash=hash_password(password))


@users.lists("", UserSchema)
def list_users() -> Any:
    """List the users, the newest first."""
    return allowed(User)


@users.shows("/<uuid:user_id>", UserSchema)
def show_user(user_id: UUID) -> Any:
    """Show one user."""
    return allowed(User).where(User.id == user_id)


@session.creates("/tokens", CredentialsSchema, answers=NewTokenSchema, atomic=False, secret=True)
def create_token(email: str, password: str) -> dict[str, Any]:
    """Sign in: exchange an email address and a password for a token."""
    return tokens.sign_in(email, password)


@session.lists("/tokens", TokenSchema)
def list_tokens() -> Any:
    """List your tokens that have not expired."""
    return allowed(Token)


def token_at(token_id: UUID) -> Any:
    return allowed(Token).where(Token.id == token_id)


@session.deletes("/tokens/<uuid:token_id>", load=token_at)
def revoke_token(token: Token) -> None:
    """End one of your tokens."""
    token.delete_instance()


@session.deletes("/tokens")
def revoke_all_tokens() -> None:
    """End all your tokens, also the one that this request was sent with."""
    tokens.revoke_all(identity().user_id)


@session.shows("/me", MeSchema)
def show_me() -> Any:
    """Show your own account."""
    return User.select().where(User.id == identity().user_id)
