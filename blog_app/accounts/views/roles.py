"""The endpoints of roles: listing, granting and revoking them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import roles as actions
from blog_app.accounts.models import RoleGrant
from blog_app.accounts.schemas import RoleGrantSchema
from blog_app.accounts.views.users import user_at
from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases

roles = Blueprint("roles", database=databases.accounts, prefix="/users")


def grant_at(user_id: UUID, role: str) -> Any:
    return allowed(RoleGrant).where(RoleGrant.user == user_id, RoleGrant.role == role)


@roles.lists("/<uuid:user_id>/roles", RoleGrantSchema, parent=user_at)
def list_roles(user_id: UUID) -> Any:
    """List a user's roles, with who granted them and when. Only admins see other users' roles."""
    return allowed(RoleGrant).where(RoleGrant.user == user_id)


@roles.acts("PUT", "/<uuid:user_id>/roles/<role>", response=RoleGrantSchema)
def grant_role(user_id: UUID, role: str) -> RoleGrant:
    """Grant a role to a user. Does nothing if the user already has it."""
    return actions.grant(user_id, role, granted_by=identity().user_id)


@roles.deletes("/<uuid:user_id>/roles/<role>", load=grant_at)
def revoke_role(role_grant: RoleGrant) -> None:
    """Revoke a user's role. The last admin cannot be revoked (409)."""
    actions.revoke(role_grant)
