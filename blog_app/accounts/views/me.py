"""The endpoints of the caller's own account: name, profile, password, email address, deletion."""

from __future__ import annotations

from typing import Any

from blog_app.accounts import credentials, lifecycle, schemas
from blog_app.accounts.models import Profile, User
from blog_app.accounts.views.users import MAIL_SENT
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


@me.shows("", schemas.MeSchema)
def show_me() -> Any:
    """Retrieve your account."""
    return my_account()


@me.changes("", schemas.MeSchema, load=my_account)
def change_me(user: User, name: str) -> User:
    """Update your account."""
    return user.change(name=name)


@me.deletes("", load=my_account)
def delete_me(user: User) -> None:
    """Delete your account. Your sessions and friendships end and your name is hidden. An admin can restore it."""
    lifecycle.delete(user)


@me.shows("/profile", schemas.ProfileSchema)
def show_my_profile() -> Any:
    """Retrieve your profile."""
    return Profile.select().where(Profile.user == identity().user_id)


@me.changes("/profile", schemas.ProfileSchema, load=my_profile)
def change_my_profile(profile: Profile, **values: Any) -> Profile:
    """Update your profile."""
    return profile.change(**values)


@me.acts("PUT", "/password", body=schemas.PasswordChangeSchema, atomic=False)
def change_my_password(current_password: str, password: str) -> None:
    """Change your password. All your other sessions end."""
    credentials.change_password(identity(), current_password, password)


@me.acts("PUT", "/email", body=schemas.CredentialsSchema, response=schemas.AcceptedSchema, status=202, atomic=False)
def change_my_email(email: str, password: str) -> dict[str, str]:
    """Request a new email address. It takes effect when you confirm the token that is mailed to it."""
    credentials.request_email_change(identity(), email, password)
    return MAIL_SENT


@me.acts("POST", "/email/confirmation", body=schemas.ConfirmationSchema, atomic=False)
def confirm_my_email(token: str) -> None:
    """Confirm a new email address with the mailed token, signed in or not. All your other sessions end."""
    credentials.confirm_email_change(token)
