"""Changing the password or the email address: by those who know the password, or who read the mail.

Every change raises the version of the credentials, so that tokens in mails that were sent before it are void, and it
ends the sessions that were open, except the one that asked. Hashing, which is slow, holds no transaction.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import signed_tokens, throttling, tokens
from blog_app.accounts.models import User
from blog_app.accounts.passwords import hash_password, verify_password
from blog_app.api.token_cache import Identity
from blog_app.background import mail
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.errors import Conflict, invalid


def change_password(identity: Identity, current_password: str, password: str) -> None:
    """Give the caller another password; raise `Invalid` unless the current one is right."""
    user = _require_password(identity.user_id, current_password, "current_password")
    _set(user, keep=identity.token_id, password_hash=hash_password(password))


def ask_for_reset(email: str) -> None:
    """Have a mail sent to the address: with a token if it has an account, else saying that it has none."""
    mail.require_mail()
    throttling.try_mail(email)
    with databases.accounts.atomic():
        publish_event(databases.accounts, "reset.asked", email=email)


def reset_password(token: str, password: str) -> None:
    """Give another password to the account that the token is for, and end all its sessions."""
    wanted = signed_tokens.read(signed_tokens.PASSWORD_RESET, token)
    user = _unchanged(wanted)
    _set(user, password_hash=hash_password(password))


def ask_for_email_change(identity: Identity, email: str, password: str) -> None:
    """Have a token sent to the new address; whether that has an account already is said in the mail only."""
    mail.require_mail()
    throttling.try_mail(email)
    user = _require_password(identity.user_id, password, "password")
    wish = {"email": email, "version": user.credentials_version, "keep": str(identity.token_id)}
    with databases.accounts.atomic():
        publish_event(databases.accounts, "email.asked", subject=user.id, **wish)


def confirm_email_change(token: str) -> User:
    """Give the account its new address, tell the old one, and end all other sessions than the one that asked."""
    wanted = signed_tokens.read(signed_tokens.EMAIL_CHANGE, token)
    user = _unchanged(wanted)
    with databases.accounts.atomic():
        _set(user, keep=UUID(wanted["keep"]), email=wanted["email"])
        publish_event(databases.accounts, "email.changed", subject=user.id, former=user.email)
    return user


def _unchanged(wanted: dict[str, Any]) -> User:
    user = User.get_or_none(User.id == wanted["id"], User.status == "active")
    if user is None or user.credentials_version != wanted["version"]:
        raise signed_tokens.refused()
    return user


def _require_password(user_id: UUID, password: str, field: str) -> User:
    user: User = User.get_by_id(user_id)
    throttling.try_password(user.email)
    if not verify_password(user.password_hash, password):
        raise invalid(field, "It is not your current password.")
    throttling.password_was_right(user.email)
    return user


def _set(user: User, *, keep: UUID | None = None, **values: Any) -> None:
    """Change the credentials if they are still those that were checked; a rival may have been faster."""
    with databases.accounts.atomic():
        current = User.select().where(User.id == user.id).for_update().first()
        if current is None or current.credentials_version != user.credentials_version:
            raise Conflict("Your password or address was changed in the meantime. Sign in again.")
        current.change(credentials_version=current.credentials_version + 1, **values)
        tokens.revoke_all(user.id, but=keep)
