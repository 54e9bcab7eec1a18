"""Password change, password reset and email address change, authorized by the password or by a token in a mail.

Every change raises the version of the credentials, which invalidates tokens mailed before it, and ends the open
sessions, except the one that requested it. Password hashing, which is slow, holds no transaction.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import signed_tokens, throttling, tokens
from blog_app.accounts.models import User
from blog_app.accounts.passwords import hash_password, require_strong, verify_password
from blog_app.api.token_cache import Identity
from blog_app.background import mail
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.errors import Conflict, invalid


def change_password(identity: Identity, current_password: str, password: str) -> None:
    """Change the caller's password; raise `Invalid` unless the current one is correct."""
    user = _require_password(identity, current_password, "current_password")
    require_strong(password, user.email, user.name)
    _set(user, keep_token=identity.token_id, password_hash=hash_password(password))


def request_password_reset(email: str) -> None:
    """Let the worker mail a reset token to the address, or, if it has no account, a mail that says so."""
    mail.require_mail()
    throttling.count_mail_request(email)
    with databases.accounts.atomic():
        publish_event(databases.accounts, "reset.asked", email=email)


def reset_password(token: str, password: str) -> None:
    """Set the password of the account that the token, of a reset or an invitation, is for; end all its sessions."""
    user = _user_of(signed_tokens.verify(token, signed_tokens.PASSWORD_RESET, signed_tokens.INVITATION))
    require_strong(password, user.email, user.name)
    _set(user, password_hash=hash_password(password))
    throttling.recognize_client(user.email)


def request_email_change(identity: Identity, email: str, password: str) -> None:
    """Let the worker mail a token to the new address; only that mail says whether the address has an account."""
    mail.require_mail()
    throttling.count_mail_request(email)
    user = _require_password(identity, password, "password")
    payload = {"email": email, "version": user.credentials_version, "keep": str(identity.token_id)}
    with databases.accounts.atomic():
        publish_event(databases.accounts, "email.asked", subject=user.id, **payload)


def confirm_email_change(token: str) -> User:
    """Change the account's address, notify the old one, and end all sessions but the one that requested it."""
    content = signed_tokens.verify(token, signed_tokens.EMAIL_CHANGE)
    user = _user_of(content)
    with databases.accounts.atomic():
        _set(user, keep_token=UUID(content["keep"]), email=content["email"])
        publish_event(databases.accounts, "email.changed", subject=user.id, former=user.email)
    return user


def _user_of(content: dict[str, Any]) -> User:
    """Return the user that a token names; raise `Invalid` if their credentials have changed since it was signed."""
    user = User.get_or_none(User.id == content["id"], User.status == "active")
    if user is None or user.credentials_version != content["version"]:
        raise signed_tokens.invalid_token()
    return user


def _require_password(identity: Identity, password: str, field: str) -> User:
    user: User = User.get_by_id(identity.user_id)
    counted = throttling.count_password_attempt(user.email, identity.token_id)
    if not verify_password(user.password_hash, password):
        raise invalid(field, "This is not your current password.")
    throttling.take_back(*counted)
    return user


def _set(user: User, *, keep_token: UUID | None = None, **values: Any) -> None:
    """Write the credentials unless a concurrent request changed them after they were checked."""
    with databases.accounts.atomic():
        current = User.select().where(User.id == user.id).for_update().first()
        if current is None or current.credentials_version != user.credentials_version:
            raise Conflict("Your password or email address was changed by another request. Sign in again.")
        current.change(credentials_version=current.credentials_version + 1, **values)
        tokens.revoke_all(user.id, except_id=keep_token)
