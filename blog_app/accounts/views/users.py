"""Users, as others see them and as administrators keep them; and how one becomes a user."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts import lifecycle, registration
from blog_app.accounts.models import Profile, Relationship, User
from blog_app.accounts.schemas import (
    AcceptedSchema,
    ConfirmationSchema,
    MeSchema,
    ProfileSchema,
    RegistrationSchema,
    StatusSchema,
    UserSchema,
)
from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.api.resources.schema import DeletedParameter
from blog_app.data import databases
from blog_app.data.cache import hot

users = Blueprint("users", database=databases.accounts)
ON_ITS_WAY = {"detail": "A message is on its way to this address. It says how to go on."}


def user_at(user_id: UUID) -> Any:
    return allowed(User).where(User.id == user_id)


def user_even_deleted_at(user_id: UUID) -> Any:
    return allowed(User, deleted="with").where(User.id == user_id)


@users.does("POST", "", takes=RegistrationSchema, answers=AcceptedSchema, status=202, atomic=False)
def create_user(email: str, name: str, password: str) -> dict[str, str]:
    """Ask for an account; it opens when the token is confirmed that is sent to the address."""
    registration.register(email, name, password)
    return ON_ITS_WAY


@users.does("POST", "/confirmation", takes=ConfirmationSchema, answers=MeSchema)
def confirm_user(token: str) -> User:
    """Open the account that the token of a mail is for."""
    return registration.confirm(token)


@users.lists("", UserSchema, parameters=DeletedParameter)
@hot(by_caller=(Relationship,))
def list_users(deleted: str | None) -> Any:
    """List the users, the newest first."""
    return allowed(User, deleted=deleted)


@users.shows("/<uuid:user_id>", UserSchema)
@hot(row="user_id", by_caller=(Relationship,))
def show_user(user_id: UUID) -> Any:
    """Show one user."""
    return user_at(user_id)


@users.shows("/<uuid:user_id>/profile", ProfileSchema)
@hot(User, row="user_id", by_caller=(Relationship,))
def show_profile(user_id: UUID) -> Any:
    """Show what a user says of themselves."""
    return allowed(Profile).where(Profile.user == user_id)


@users.does("PUT", "/<uuid:user_id>/status", takes=StatusSchema, answers=UserSchema, load=user_at)
def set_status(user: User, status: str) -> User:
    """Let a user in, or keep them out; keeping them out ends their sessions."""
    return lifecycle.set_status(user, status)


@users.deletes("/<uuid:user_id>", load=user_at)
def delete_user(user: User) -> None:
    """Delete a user, who can be restored; their sessions and friendships end."""
    lifecycle.close(user)


@users.does("PUT", "/<uuid:user_id>/restoration", answers=UserSchema, load=user_even_deleted_at)
def restore_user(user: User) -> User:
    """Bring a deleted user back; 409 if their address has another account by now."""
    return lifecycle.restore(user)


@users.deletes("/<uuid:user_id>/remains", load=user_even_deleted_at)
def purge_user(user: User) -> None:
    """Delete a deleted user for good; 409 if they are not deleted."""
    lifecycle.purge(user)
