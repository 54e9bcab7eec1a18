"""Granting and revoking roles; there is always at least one active admin."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from blog_app.accounts import authors
from blog_app.accounts.models import GRANTABLE_ROLES, RoleGrant, User
from blog_app.data import databases
from blog_app.errors import Conflict, NotFound

ADMIN_LOCK = "SELECT pg_advisory_xact_lock(hashtext('blog_app.accounts.admins'))"


def grant(user_id: UUID, role: str, *, granted_by: UUID | None) -> RoleGrant:
    """Grant a role and return the grant; a grant that exists already is left unchanged."""
    if role not in GRANTABLE_ROLES:
        raise NotFound(f"No role {role!r} can be granted. Available roles: {', '.join(GRANTABLE_ROLES)}.")
    if not User.select().where(User.id == user_id).exists():
        raise NotFound("No such user.")
    give(user_id, [role], granted_by=granted_by)
    return RoleGrant.get(RoleGrant.user == user_id, RoleGrant.role == role)


def give(user_id: UUID, roles: Collection[str], *, granted_by: UUID | None) -> None:
    """Grant roles; grants that exist already are left unchanged. An author gets a public page."""
    rows = [{"user": user_id, "role": role, "granted_by": granted_by} for role in roles]
    if rows:
        RoleGrant.insert_many(rows).on_conflict_ignore().execute()
    if "author" in roles:
        authors.ensure_pages([user_id])


def revoke(role_grant: RoleGrant) -> None:
    """Revoke a role; raise `Conflict` if no admin would be left."""
    if role_grant.role == "admin":
        require_another_admin(role_grant.user_id)
    role_grant.delete_instance()


def require_another_admin(user_id: UUID) -> None:
    """Raise `Conflict` if this user is the only active admin. Call it in the transaction that removes them.

    An advisory lock, held until the transaction ends, serializes such transactions: two admins cannot remove each other
    concurrently.
    """
    databases.accounts.execute_sql(ADMIN_LOCK)
    admins = User.select(User.id).join(RoleGrant, on=(RoleGrant.user == User.id)).where(RoleGrant.role == "admin")
    if [admin.id for admin in admins.where(User.status == "active")] == [user_id]:
        raise Conflict("This user is the only admin. Grant the role to another user first.")
