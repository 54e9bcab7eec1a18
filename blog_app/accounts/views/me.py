"""Your own account: name, profile, password, address."""

from __future__ import annotations

from typing import Any

from blog_app.accounts import credentials, lifecycle
from blog_app.accounts.models import Profile, User
from blog_app.accounts.schemas import (
    AcceptedSchema,
    ConfirmationSchema,
    CredentialsSchema,
    MeSchema,
    PasswordChangeSchema,
    ProfileSchema,
)
from blog_app.accounts.views.users import ON_ITS_WAY
from blog_app.api import Blueprint
from blog_app.api.auth import identity
from blog_app.data import databases

me = Blueprint("me", database=databases.accounts)


def my_account() -> Any:
    return User.select().where(User.id == identity().user_id)


def my_profile() -> Any:
    """Return the query for the caller's profile, which is created first if it is missing."""
    Profile.ensure(identity().user_id)
    return Profile.select().where(Profile.user == identity().user_id)


@me.shows("", MeSchema)
def show_me() -> Any:
    """Show your own account."""
    return my_account()


@me.changes("", MeSchema, load=my_account)
def change_me(user: User, name: str) -> User:
    """Change your name."""
    user.change(name=name)
    return user


@me.deletes("", load=my_account)
def delete_me(user: User) -> None:
    """Close your account: your sessions and friendships end, and your name disappears. An admin can restore it."""
    lifecycle.close(user)


@me.shows("/profile", ProfileSchema)
def show_my_profile() -> Any:
    """Show your own profile."""
    return Profile.select().where(Profile.user == identity().user_id)


@me.changes("/profile", ProfileSchema, load=my_profile)
def change_my_profile(profile: Profile, **values: Any) -> Profile:
    """Write your profile."""
    profile.change(**values)
    return profile


@me.does("PUT", "/password", takes=PasswordChangeSchema, atomic=False)
def change_my_password(current_password: str, password: str) -> None:
    """Change your password; your other sessions end."""
    credentials.change_password(identity(), current_password, password)


@me.does("PUT", "/email", takes=CredentialsSchema, answers=AcceptedSchema, status=202, atomic=False)
def change_my_email(email: str, password: str) -> dict[str, str]:
    """Ask for another address; it becomes yours when the token is confirmed that is sent to it."""
    credentials.ask_for_email_change(identity(), email, password)
    return ON_ITS_WAY


@me.does("POST", "/email/confirmation", takes=ConfirmationSchema, atomic=False)
def confirm_my_email(token: str) -> None:
    """Confirm a new address with the token of a mail, signed in or not; all sessions but the one that asked end."""
    credentials.confirm_email_change(token)
