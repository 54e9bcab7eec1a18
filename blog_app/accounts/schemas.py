"""What accounts look like from outside, and what may be sent to change them."""

from __future__ import annotations

from marshmallow import fields as ma
from marshmallow import validate

from blog_app.accounts.models import STATUSES, Token, User
from blog_app.http import Schema
from blog_app.http.fields import Email, String, Timestamp


class PersonSchema(Schema):
    """What is shown of a user beside their works."""

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)


class UserSchema(Schema):
    """A user as other users see them: the email address is not among it."""

    class Meta:
        model = User
        filterable = ("name", "status", "created_at")
        sortable = ("name", "created_at")

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    status = ma.String(dump_only=True, validate=validate.OneOf(STATUSES))
    created_at = Timestamp(dump_only=True)


class MeSchema(UserSchema):
    """A user as they see themselves."""

    class Meta(UserSchema.Meta):
        pass

    email = String(dump_only=True)


class RegistrationSchema(Schema):
    """What it takes to open an account."""

    email = Email(required=True, metadata={"example": "ada@example.com"})
    name = String(required=True, least=1, most=100)
    password = String(required=True, least=8, most=200, strip=False)


class CredentialsSchema(Schema):
    """What it takes to get a token."""

    email = String(required=True, most=254, metadata={"example": "ada@example.com"})
    password = String(required=True, most=200, strip=False, metadata={"example": "Correct-Horse-1"})


class TokenSchema(Schema):
    """A token that exists; the secret itself is shown once, when it is made."""

    class Meta:
        model = Token
        sort = ("-created_at",)
        sortable = ("created_at", "expires_at")

    id = ma.UUID(dump_only=True)
    created_at = Timestamp(dump_only=True)
    expires_at = Timestamp(dump_only=True)


class NewTokenSchema(Schema):
    """A new token with its secret."""

    id = ma.UUID(dump_only=True)
    token = String(dump_only=True, metadata={"description": "Send it as `Authorization: Bearer TOKEN`."})
    expires_at = Timestamp(dump_only=True)
