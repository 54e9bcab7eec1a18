"""Users, their roles and their tokens."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

import peewee

from blog_app import databases
from blog_app.errors import explain_constraint
from blog_app.models import Base, Record, TimestampField, now
from blog_app.permissions import Scope

STATUSES = ("active", "inactive", "suspended")


class User(Record):
    """A person with an account. `email` is stored in lower case, so that its uniqueness ignores case."""

    email = peewee.CharField(max_length=254)
    name = peewee.CharField(max_length=100)
    password_hash = peewee.CharField(max_length=255)
    status = peewee.CharField(max_length=20, default="active", constraints=[peewee.SQL("DEFAULT 'active'")])

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "users"
        indexes = ((("email",), True),)
        constraints = [
            peewee.Check("email = lower(email)", name="users_email_is_lower_case"),
            peewee.Check("status IN ('active', 'inactive', 'suspended')", name="users_status_is_known"),
        ]

    @property
    def owner_id(self) -> UUID:
        return self.id

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the users that someone with this scope may see."""
        if scope is Scope.ALL:
            return cls.select()
        return cls.select().where((cls.status == "active") | (cls.id == user_id))

    @classmethod
    def with_email(cls, email: str) -> Self | None:
        """Return the user with this email address, whatever its case."""
        return cls.select().where(cls.email == email.lower()).first()


class RoleGrant(Base):
    """A role that somebody gave a user; every user is a member without one."""

    user = peewee.ForeignKeyField(User, backref="grants", on_delete="CASCADE")
    role = peewee.CharField(max_length=20)
    granted_by = peewee.ForeignKeyField(User, null=True, on_delete="SET NULL")
    granted_at = TimestampField(default=now)

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "role_grants"
        primary_key = peewee.CompositeKey("user", "role")
        constraints = [
            peewee.Check("role IN ('author', 'editor', 'vendor', 'admin')", name="role_grants_role_is_known")
        ]


class Token(Record):
    """A key to the API that a user holds; only its hash is stored."""

    user = peewee.ForeignKeyField(User, backref="tokens", on_delete="CASCADE")
    token_hash = peewee.BlobField(unique=True)
    expires_at = TimestampField()

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "tokens"

    @property
    def owner_id(self) -> UUID:
        return self.user_id

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the caller's tokens: nobody sees somebody else's."""
        return cls.select().where((cls.user == user_id) & (cls.expires_at > now()))


explain_constraint("users_email", "email", "This email address has an account already.")
