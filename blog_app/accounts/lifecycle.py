"""The account lifecycle: suspending, deleting and purging users."""

from __future__ import annotations

from blog_app.accounts import tokens
from blog_app.accounts.models import Relationship, User
from blog_app.accounts.roles import require_another_admin
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.errors import require_deleted


def set_status(user: User, status: str) -> User:
    """Set a user's status; any other than `active` ends all sessions."""
    if status != "active":
        require_another_admin(user.id)
        tokens.revoke_all(user.id)
    return user.change(status=status)


def delete(user: User) -> None:
    """Soft-delete a user: hide them, end their sessions and friendships, and free their email address."""
    require_another_admin(user.id)
    tokens.revoke_all(user.id)
    Relationship.end_friendships_and_requests(user.id)
    user.soft_delete()
    publish_event(databases.accounts, "user.left", subject=user.id)


def purge(user: User) -> None:
    """Permanently delete a soft-deleted user, with all their rows in this database."""
    require_deleted(user)
    user.delete_instance()
