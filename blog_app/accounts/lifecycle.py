"""Users who are suspended, who leave, who come back, and who are forgotten."""

from __future__ import annotations

from blog_app.accounts import tokens
from blog_app.accounts.models import Relationship, User
from blog_app.accounts.roles import require_another_admin
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.errors import Conflict


def set_status(user: User, status: str) -> User:
    """Let a user in (`active`) or keep them out; who is kept out has no session left to come back to."""
    if status != "active":
        require_another_admin(user.id)
        tokens.revoke_all(user.id)
    user.change(status=status)
    return user


def close(user: User) -> None:
    """Delete a user, who can be restored: hidden everywhere, sessions and friendships ended, the address free again."""
    require_another_admin(user.id)
    tokens.revoke_all(user.id)
    Relationship.end_all(user.id)
    user.soft_delete()
    publish_event(databases.accounts, "user.left", subject=user.id)


def restore(user: User) -> User:
    """Bring a deleted user back, with their roles and profile; raise a conflict if the address is taken by now."""
    if user.deleted_at:
        user.restore()
    return user


def purge(user: User) -> None:
    """Remove a deleted user for good, and with them all that is theirs in this database."""
    if user.deleted_at is None:
        raise Conflict("Delete the user first; then they can be restored, or purged.")
    user.delete_instance()
