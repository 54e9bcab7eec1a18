"""What admins do to accounts: create users, with a password or an invitation by mail, and change all of an account.

A new address needs no confirmation here, but its owner learns of it at both addresses, and their sessions end. There is
always an active admin. A change of roles is in the audit entry of the action.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from blog_app.accounts import tokens
from blog_app.accounts.models import RoleGrant, User
from blog_app.accounts.passwords import hash_password, require_strong
from blog_app.accounts.roles import give, require_another_admin
from blog_app.api.token_cache import Identity
from blog_app.background import mail
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import audit_subject, databases


def create(by: Identity, password: str | None, roles: Sequence[str], **values: Any) -> User:
    """Create a user. One without a password is invited: a mail brings a token with which they set it."""
    if password is None:
        mail.require_mail()
    else:
        require_strong(password, values["email"], values["name"])
    password_hash = hash_password(password or secrets.token_urlsafe())  # Slow: before the transaction.
    with databases.accounts.atomic():
        user = User.create_with_profile(password_hash=password_hash, **values)
        _set_roles(user, roles, by)
        if password is None:
            publish_event(databases.accounts, "user.invited", subject=user.id)
    return user


def change(user: User, by: Identity, email: str, status: str, roles: Sequence[str], **values: Any) -> User:
    """Change an account; raise `Conflict` if no admin would be left. Own sessions of `by` stay open."""
    if status != "active" or "admin" not in roles:
        require_another_admin(user.id)
    if status != "active":
        tokens.revoke_all(user.id)
    if email != user.email:
        tokens.revoke_all(user.id, except_id=by.token_id)
        values["credentials_version"] = user.credentials_version + 1
        publish_event(databases.accounts, "email.set", subject=user.id, former=user.email)
    _set_roles(user, roles, by)
    return user.change(email=email, status=status, **values)


def _set_roles(user: User, roles: Sequence[str], by: Identity) -> None:
    """Grant and revoke roles until the user has exactly these."""
    before = user.roles
    if set(roles) == set(before):
        return
    RoleGrant.delete().where((RoleGrant.user == user.id) & RoleGrant.role.not_in(roles)).execute()
    give(user.id, [role for role in roles if role not in before], granted_by=by.user_id)
    audit_subject.record_change("roles", before, sorted(roles))
