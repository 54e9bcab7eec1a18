"""The endpoints of users: registration, public profiles, and administration."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import administration, last_seen, lifecycle, registration, schemas
from blog_app.accounts.models import Profile, Relationship, RoleGrant, User
from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.api.operation import Variant
from blog_app.api.resources.schema import DeletedParameter
from blog_app.data import databases
from blog_app.data.cache import hot

users = Blueprint("users", database=databases.accounts)
MAIL_SENT = {"detail": "We have sent an email with further instructions to this address."}


def user_at(user_id: UUID) -> Any:
    return allowed(User).where(User.id == user_id)


def user_or_deleted_at(user_id: UUID) -> Any:
    return allowed(User, deleted="with").where(User.id == user_id)


def add_user(**values: Any) -> User:
    """Create a user as an admin."""
    return administration.create(identity(), **values)


@users.acts(
    "POST",
    "",
    body=schemas.RegistrationSchema,
    response=schemas.AcceptedSchema,
    status=202,
    atomic=False,
    for_all=Variant(add_user, schemas.NewAccountSchema, schemas.AccountSchema),
)
def create_user(email: str, name: str, password: str) -> dict[str, str]:
    """Register. The account is created when you confirm the token that is mailed to the address.

    Admins create the user directly (201), with a status, roles, and a password; without a password the user gets a mail
    with a token to set it (`POST /password-resets/completion`).
    """
    registration.register(email, name, password)
    return MAIL_SENT


@users.acts("POST", "/confirmation", body=schemas.ConfirmationSchema, response=schemas.MeSchema)
def confirm_user(token: str) -> User:
    """Confirm a registration with the mailed token, and create the account."""
    return registration.confirm(token)


@users.lists("", schemas.AccountSchema, parameters=DeletedParameter)
@hot(RoleGrant, per_caller=(Relationship,), lifetime=last_seen.CACHED_SECONDS)
def list_users(deleted: str | None) -> Any:
    """List users, newest first.

    `q` finds users by the beginnings of the words of their name. Admins also find them by the beginning of their email
    address, and see and filter by `email`, `role` and `last_seen_at`.
    """
    return allowed(User, deleted=deleted)


@users.shows("/<uuid:user_id>", schemas.AccountSchema)
@hot(RoleGrant, row="user_id", per_caller=(Relationship,), lifetime=last_seen.CACHED_SECONDS)
def show_user(user_id: UUID) -> Any:
    """Retrieve a user. Only admins see `email`, `roles` and `last_seen_at`."""
    return user_at(user_id)


@users.changes("/<uuid:user_id>", schemas.AccountChangeSchema, response=schemas.AccountSchema, load=user_at)
def change_user(user: User, **values: Any) -> User:
    """Update a user: name, email address, status, roles. The last admin stays one (409).

    A new address needs no confirmation; both addresses are told, and the user's sessions end. Any status other than
    `active` ends them, too.
    """
    return administration.change(user, identity(), **values)


@users.shows("/<uuid:user_id>/profile", schemas.ProfileSchema)
@hot(User, row="user_id", per_caller=(Relationship,))
def show_profile(user_id: UUID) -> Any:
    """Retrieve a user's profile."""
    return allowed(Profile).where(Profile.user == user_id)


@users.acts("PUT", "/<uuid:user_id>/status", body=schemas.StatusSchema, response=schemas.AccountSchema, load=user_at)
def set_status(user: User, status: str) -> User:
    """Set a user's status. Any status other than `active` ends the user's sessions."""
    return lifecycle.set_status(user, status)


@users.deletes("/<uuid:user_id>", load=user_at)
def delete_user(user: User) -> None:
    """Delete a user. Their sessions and friendships end. The user can be restored."""
    lifecycle.delete(user)


@users.acts("PUT", "/<uuid:user_id>/restoration", response=schemas.AccountSchema, load=user_or_deleted_at)
def restore_user(user: User) -> User:
    """Restore a deleted user; 409 if another account uses the email address now."""
    return user.restore()


@users.deletes("/<uuid:user_id>/remains", load=user_or_deleted_at)
def purge_user(user: User) -> None:
    """Permanently delete a deleted user; 409 if the user is not deleted."""
    lifecycle.purge(user)
