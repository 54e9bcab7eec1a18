"""The schemas (serializers) of accounts: what requests contain, and how rows are represented."""

from __future__ import annotations

import re
from typing import Any

import peewee
from marshmallow import ValidationError, fields as ma, validate

from blog_app.accounts import directory, passwords, user_search
from blog_app.accounts.models import GRANTABLE_ROLES, STATUSES, Author, Profile, Relationship, RoleGrant, Token, User
from blog_app.api import Schema
from blog_app.api.auth import identity
from blog_app.api.resources.fields import Email, Integer, String, Timestamp, Url
from blog_app.api.resources.includes import BatchInclude, belongs_to, from_directory, has_one
from blog_app.api.resources.schema import PerRequest
from blog_app.permissions import ROLES

MAX_SOCIAL_LINKS = 20
RECEIVER = peewee.Case(Relationship.requester, ((Relationship.low, Relationship.high),), Relationship.low)


def _require_strong(password: str) -> None:
    if weakness := passwords.weakness(password):
        raise ValidationError(weakness)


def password_field(policy: Any = None, **options: Any) -> Any:
    """Return the field for a password; only a new one must pass the policy, which an existing one may be older than."""
    options = {"required": True, "metadata": {"example": "Correct-Horse-1"}, **options}
    return String(max_length=200, strip=False, validate=policy, **options)


def _require_distinct(values: list[str]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("Must not contain a value twice.")


class PersonSchema(Schema):
    """A user's public name."""

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)


def person(column: Any) -> BatchInclude:
    """Return the include of the user whose id is in `column`, for schemas of any domain."""
    return from_directory(directory.people, PersonSchema, column)


class AuthorNameSchema(PersonSchema):
    """An author by name."""

    slug = String(dump_only=True, allow_none=True, metadata={"description": "Of the public page, if there is one."})
    avatar_url = Url(dump_only=True, allow_none=True)


def author(column: Any) -> BatchInclude:
    """Return the include of the user whose id is in `column` as an author, for schemas of any domain."""
    return from_directory(directory.authors, AuthorNameSchema, column)


class ProfileSchema(Schema):
    """A user's public profile."""

    class Meta:
        model = Profile

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(dump_only=True)
    display_name = String(load_default=None, allow_none=True, min_length=1, max_length=100)
    bio = String(load_default="", max_length=5_000, strip=False)
    website = Url(load_default=None, allow_none=True, metadata={"example": "https://ada.example.com"})
    avatar_url = Url(load_default=None, allow_none=True)
    social_links = ma.Dict(
        keys=String(min_length=1, max_length=30, validate=validate.Regexp(re.compile(r"[a-z0-9_-]+\Z"))),
        values=Url(),
        load_default=dict,
        validate=validate.Length(max=MAX_SOCIAL_LINKS),
        metadata={"example": {"mastodon": "https://mastodon.example/@ada"}},
    )
    updated_at = Timestamp(dump_only=True)


class UserSchema(Schema):
    """A user as other users see them, without the email address."""

    class Meta:
        model = User
        filterable = ("id", "name", "status", "created_at")
        sortable: tuple[str, ...] = ("name", "created_at")
        includes = {"profile": has_one(ProfileSchema, User.id, Profile.user)}

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(STATUSES))
    created_at = Timestamp(dump_only=True)
    deleted_at = Timestamp(
        dump_only=True, allow_none=True, metadata={"description": "When the user was deleted. Only admins see it."}
    )


class AuthorSchema(Schema):
    """The public page of an author."""

    class Meta:
        model = Author
        columns = {
            "id": Author.user,
            "name": User.name,
            **{
                name: getattr(Profile, name)
                for name in ("display_name", "bio", "avatar_url", "website", "social_links")
            },
        }
        filterable = ("id", "slug", "name", "posts")
        sortable = ("posts", "name")
        sort = ("-posts",)

    id = ma.UUID(dump_only=True, metadata={"description": "The id of the user, as in a post's `author_id`."})
    slug = String(dump_only=True, metadata={"example": "ada-marsh"})
    name = String(dump_only=True)
    display_name = String(dump_only=True, allow_none=True)
    bio = String(dump_only=True, allow_none=True)
    avatar_url = Url(dump_only=True, allow_none=True)
    website = Url(dump_only=True, allow_none=True)
    social_links = ma.Dict(keys=ma.String(), values=ma.String(), dump_only=True, allow_none=True)
    posts = Integer(
        dump_only=True, metadata={"description": "The number of public posts; at most about five minutes old."}
    )


class AccountSchema(UserSchema):
    """A user. Only admins see `email`, `roles` and `last_seen_at`, and can filter by them; others get null."""

    class Meta(UserSchema.Meta):
        columns = user_search.COLUMNS
        filters = user_search.FILTERS
        sortable = (*UserSchema.Meta.sortable, "email", "last_seen_at")
        search = user_search.SEARCH

    email = Email(dump_only=True, allow_none=True)
    roles = ma.List(ma.String(validate=validate.OneOf(GRANTABLE_ROLES)), dump_only=True, allow_none=True)
    last_seen_at = Timestamp(
        dump_only=True,
        allow_none=True,
        metadata={"description": "When the user last sent a token; some minutes late. Null: never, or not recorded."},
    )


class AccountChangeSchema(Schema):
    """All of an account that admins can change."""

    name = String(required=True, min_length=1, max_length=100)
    email = Email(required=True, metadata={"example": "ada@example.com"})
    status = ma.String(load_default="active", validate=validate.OneOf(STATUSES))
    roles = ma.List(
        ma.String(validate=validate.OneOf(GRANTABLE_ROLES)),
        load_default=list,
        validate=_require_distinct,
        metadata={"example": ["author"]},
    )


class NewAccountSchema(AccountChangeSchema):
    """A user that an admin creates. Without a password the user is invited by mail to set one."""

    password = password_field(_require_strong, required=False, load_default=None, allow_none=True)


class MeSchema(UserSchema):
    """The signed-in user."""

    class Meta(UserSchema.Meta):
        columns = {"roles": user_search.ROLES_COLUMN}

    name = String(required=True, min_length=1, max_length=100)
    email = Email(dump_only=True)
    roles = ma.List(ma.String(), dump_only=True)


class StatusSchema(Schema):
    """The status of an account. Only active users can sign in."""

    status = ma.String(required=True, validate=validate.OneOf(STATUSES))


class RoleGrantSchema(Schema):
    """A role granted to a user."""

    class Meta:
        model = RoleGrant
        filterable = ("role", "granted_at")
        sortable = ("role", "granted_at")
        sort = ("granted_at",)
        includes = {"granted_by": belongs_to(UserSchema, RoleGrant.granted_by)}

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(dump_only=True)
    role = ma.String(dump_only=True, validate=validate.OneOf(ROLES))
    granted_by_id = ma.UUID(dump_only=True, allow_none=True)
    granted_at = Timestamp(dump_only=True, attribute="created_at")


class DirectionParameter(Schema):
    """The query parameters of the list of friend requests."""

    direction = ma.String(
        load_default=None,
        validate=validate.OneOf(("sent", "received")),
        metadata={"description": "Return only requests that you sent, or only requests that you received."},
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
        includes = {"sender": person(Relationship.requester), "receiver": person(RECEIVER)}

    id = ma.UUID(dump_only=True)
    user_id = ma.UUID(required=True, load_only=True, metadata={"description": "The user to send the request to."})
    sender_id = ma.UUID(dump_only=True, attribute="requester")
    receiver_id = ma.UUID(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(("pending", "accepted")))
    sent_at = Timestamp(dump_only=True, attribute="created_at")


class SuggestionSchema(UserSchema):
    """A suggested friend."""

    class Meta(UserSchema.Meta):
        columns = {"mutual_friends": peewee.SQL("suggested.mutual_friends")}
        sortable = ("mutual_friends", "name", "created_at")
        sort = ("-mutual_friends",)

    mutual_friends = Integer(dump_only=True)


class RegistrationSchema(Schema):
    """A request to create an account."""

    email = Email(required=True, metadata={"example": "ada@example.com"})
    name = String(required=True, min_length=1, max_length=100)
    password = password_field(_require_strong)


class AcceptedSchema(Schema):
    """An email is being sent. Only the email says whether the address has an account."""

    detail = String(dump_only=True)


class ConfirmationSchema(Schema):
    """The token from an email."""

    token = String(required=True, max_length=2_000)


class EmailAddressSchema(Schema):
    """An email address."""

    email = Email(required=True, metadata={"example": "ada@example.com"})


class NewPasswordSchema(ConfirmationSchema):
    """The token from an email, and the new password."""

    password = password_field(_require_strong)


class PasswordChangeSchema(Schema):
    """The current and the new password."""

    current_password = password_field()
    password = password_field(_require_strong)


class CredentialsSchema(Schema):
    """An email address and the password of the account."""

    email = Email(required=True, metadata={"example": "ada@example.com"})
    password = password_field()


class TokenSchema(Schema):
    """An API token. Its secret is returned only once, when the token is created."""

    class Meta:
        model = Token
        columns = {"current": PerRequest(lambda: Token.id == identity().token_id)}
        sort = ("-created_at",)
        sortable = ("created_at", "expires_at")

    id = ma.UUID(dump_only=True)
    created_at = Timestamp(dump_only=True)
    expires_at = Timestamp(dump_only=True)
    current = ma.Boolean(dump_only=True, metadata={"description": "Whether this token authenticated the request."})


class NewTokenSchema(Schema):
    """A new API token with its secret."""

    id = ma.UUID(dump_only=True)
    token = String(dump_only=True, metadata={"description": "Send it as `Authorization: Bearer TOKEN`."})
    expires_at = Timestamp(dump_only=True)
