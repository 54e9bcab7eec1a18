"""Granting and revoking roles, and the rule that there is always an admin who can sign in."""

from __future__ import annotations

from uuid import UUID

from blog_app.accounts.models import RoleGrant, User
from blog_app.data import databases
from blog_app.errors import Conflict, NotFound
from blog_app.permissions import ROLES

GRANTED = tuple(role for role in ROLES if role != "member")
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('blog_app.accounts.admins'))"


def grant(user_id: UUID, role: str, *, granted_by: UUID | None) -> RoleGrant:
    """Grant a role and return the grant; one that the user has already keeps who gave it, and when."""
    if role not in GRANTED:
        raise NotFound(f"There is no role {role!r} to grant; there are: {', '.join(GRANTED)}.")
    if not User.select().where(User.id == user_id).exists():
        raise NotFound("There is no such user.")
    RoleGrant.insert(user=user_id, role=role, granted_by=granted_by).on_conflict_ignore().execute()
    return RoleGrant.get(RoleGrant.user == user_id, RoleGrant.role == role)


def revoke(held: RoleGrant) -> None:
    """Take a role back; raise `Conflict` if it would leave no admin."""
    if held.role == "admin":
        require_another_admin(held.user_id)
    held.delete_instance()


def require_another_admin(user_id: UUID) -> None:
    """Raise `Conflict` if nobody would be admin without this user. Call it in the transaction that removes them.

    Whoever is about to remove an admin waits here for the others who are (until their transactions end), and then
    counts what they left: two admins cannot remove each other at the same moment.
    """
    databases.accounts.execute_sql(ONE_AT_A_TIME)
    admins = (
        User.select(User.id)
        .join(RoleGrant, on=(RoleGrant.user == User.id))
        .where(RoleGrant.role == "admin")
        .where(User.status == "active")
    )
    if [admin.id for admin in admins] == [user_id]:
        raise Conflict("This is the only admin. Make somebody else one first.")
