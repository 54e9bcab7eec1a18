"""What accounts look like from outside, and what may be sent to change them."""

from __future__ import annotations

import re
from typing import Any

import peewee
from marshmallow import ValidationError, validate
from marshmallow import fields as ma

from blog_app.accounts import directory, passwords
from blog_app.accounts.models import STATUSES, Profile, Relationship, RoleGrant, Token, User
from blog_app.api import Schema
from blog_app.api.auth import identity
from blog_app.api.resources.fields import Email, Integer, String, Timestamp, WebAddress
from blog_app.api.resources.includes import one, one_from, owned_one
from blog_app.api.resources.schema import PerRequest
from blog_app.permissions import ROLES

MAX_SOCIAL_LINKS = 20
RECEIVER = peewee.Case(Relationship.requester, ((Relationship.low, Relationship.high),), Relationship.low)


def _acceptable(password: str) -> None:
    if weakness := passwords.weakness(password):
        raise ValidationError(weakness)


def new_password() -> Any:
    """Return the field for a password that somebody wants to have."""
    return String(required=True, most=200, strip=False, validate=_acceptable, metadata={"example": "Correct-Horse-1"})


def known_password() -> Any:
    """Return the field for a password that somebody has; older ones may break today's rules."""
    return String(required=True, most=200, strip=False, metadata={"example": "Correct-Horse-1"})


class PersonSchema(Schema):
    """What is shown of a user beside their works."""

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)


class ProfileSchema(Schema):
    """What a user says of themselves to everybody."""

    class Meta:
        model = Profile

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(dump_only=True)
    display_name = String(load_default=None, allow_none=True, least=1, most=100)
    bio = String(load_default="", most=5_000, strip=False)
    website = WebAddress(load_default=None, allow_none=True, metadata={"example": "https://ada.example.com"})
    avatar_url = WebAddress(load_default=None, allow_none=True)
    social_links = ma.Dict(
        keys=String(least=1, most=30, validate=validate.Regexp(re.compile(r"[a-z0-9_-]+\Z"))),
        values=WebAddress(),
        load_default=dict,
        validate=validate.Length(max=MAX_SOCIAL_LINKS),
        metadata={"example": {"mastodon": "https://mastodon.example/@ada"}},
    )
    updated_at = Timestamp(dump_only=True)


class UserSchema(Schema):
    """A user as other users see them: the email address is not among it."""

    class Meta:
        model = User
        filterable = ("id", "name", "status", "created_at")
        sortable: tuple[str, ...] = ("name", "created_at")
        includes = {"profile": owned_one(ProfileSchema, User.id, Profile.user)}

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(STATUSES))
    created_at = Timestamp(dump_only=True)
    deleted_at = Timestamp(dump_only=True, allow_none=True, metadata={"description": "Administrators see it set."})


class MeSchema(UserSchema):
    """A user as they see themselves."""

    class Meta(UserSchema.Meta):
        columns = {"roles": peewee.fn.ARRAY(RoleGrant.select(RoleGrant.role).where(RoleGrant.user == User.id))}

    name = String(required=True, least=1, most=100)
    email = Email(dump_only=True)
    roles = ma.List(ma.String(), dump_only=True)


class StatusSchema(Schema):
    """Whether a user is let in."""

    status = ma.String(required=True, validate=validate.OneOf(STATUSES))


class RoleGrantSchema(Schema):
    """A role that a user was granted."""

    class Meta:
        model = RoleGrant
        filterable = ("role", "granted_at")
        sortable = ("role", "granted_at")
        sort = ("granted_at",)
        includes = {"granted_by": one(UserSchema, RoleGrant.granted_by)}

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(dump_only=True)
    role = ma.String(dump_only=True, validate=validate.OneOf(ROLES))
    granted_by_id = ma.UUID(dump_only=True, allow_none=True)
    granted_at = Timestamp(dump_only=True, attribute="created_at")


class DirectionParameter(Schema):
    """The parameter of the list of friend requests."""

    direction = ma.String(
        load_default=None,
        validate=validate.OneOf(("sent", "received")),
        metadata={"description": "Only those that you sent, or received."},
    )


class FriendRequestSchema(Schema):
    """A friend request."""

    class Meta:
        model = Relationship
        columns = {
            "receiver_id": RECEIVER,
            "status": peewee.Case(None, ((Relationship.friends_since.is_null(), "pending"),), "accepted"),
        }
        sortable = ("sent_at",)
        sort = ("-sent_at",)
        includes = {
            "sender": one_from(directory.people, PersonSchema, Relationship.requester),
            "receiver": one_from(directory.people, PersonSchema, RECEIVER),
        }

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(required=True, load_only=True, metadata={"description": "Whom to ask."})
    sender_id = ma.UUID(dump_only=True, attribute="requester")
    receiver_id = ma.UUID(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(("pending", "accepted")))
    sent_at = Timestamp(dump_only=True, attribute="created_at")


class SuggestionSchema(UserSchema):
    """A user who might be a friend."""

    class Meta(UserSchema.Meta):
        columns = {"mutual_friends": peewee.SQL("suggested.mutual_friends")}
        sortable = ("mutual_friends", "name", "created_at")
        sort = ("-mutual_friends",)

    mutual_friends = Integer(dump_only=True)


class RegistrationSchema(Schema):
    """What it takes to open an account."""

    email = Email(required=True, metadata={"example": "ada@example.com"})
    name = String(required=True, least=1, most=100)
    password = new_password()


class AcceptedSchema(Schema):
    """A message is on its way; whether the address has an account is said only there."""

    detail = String(dump_only=True)


class ConfirmationSchema(Schema):
    """The token of a mail."""

    token = String(required=True, most=2_000)


class EmailAddressSchema(Schema):
    """An email address."""

    email = Email(required=True, metadata={"example": "ada@example.com"})


class NewPasswordSchema(ConfirmationSchema):
    """The token of a mail, and the password to have from now on."""

    password = new_password()


class PasswordChangeSchema(Schema):
    """The current password, and the one to have from now on."""

    current_password = known_password()
    password = new_password()


class CredentialsSchema(Schema):
    """An address and the account's password: to get a token, or, with a new address, to change it."""

    email = Email(required=True, metadata={"example": "ada@example.com"})
    password = known_password()


class TokenSchema(Schema):
    """A token that exists; the secret itself is shown once, when it is made."""

    class Meta:
        model = Token
        columns = {"current": PerRequest(lambda: Token.id == identity().token_id)}
        sort = ("-created_at",)
        sortable = ("created_at", "expires_at")

    id = ma.UUID(dump_only=True)
    created_at = Timestamp(dump_only=True)
    expires_at = Timestamp(dump_only=True)
    current = ma.Boolean(dump_only=True, metadata={"description": "Whether this request was sent with it."})


class NewTokenSchema(Schema):
    """A new token with its secret."""

    id = ma.UUID(dump_only=True)
    token = String(dump_only=True, metadata={"description": "Send it as `Authorization: Bearer TOKEN`."})
    expires_at = Timestamp(dump_only=True)
