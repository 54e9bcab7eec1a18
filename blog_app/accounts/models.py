"""The tables of accounts: users, when they were last seen, roles, profiles, tokens, registrations, login attempts and
relationships.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Self
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField

from blog_app.data import databases, email_addresses
from blog_app.data.models import Base, Record, SoftDeletable, TimestampField, now
from blog_app.errors import explain_constraint
from blog_app.permissions import ROLES, Scope

STATUSES = ("active", "inactive", "suspended")
FORMER_MEMBER = "Former member"
GRANTABLE_ROLES = tuple(role for role in ROLES if role != "member")


class AccountsRecord(Record):
    """A record of the accounts database."""

    class Meta:
        database = databases.accounts
        schema = "accounts"


class User(AccountsRecord, SoftDeletable):
    """A person with an account. `email` is stored normalized, and is unique among users that are not deleted."""

    email = peewee.CharField(max_length=email_addresses.MAX_LENGTH)
    name = peewee.CharField(max_length=100)
    password_hash = peewee.CharField(max_length=255)
    credentials_version = peewee.IntegerField(default=1, constraints=[peewee.SQL("DEFAULT 1")])
    """Grows with each change of password or email address, which invalidates tokens and sign-ins begun before it."""
    status = peewee.CharField(max_length=20, default="active", constraints=[peewee.SQL("DEFAULT 'active'")])

    class Meta:
        table_name = "users"
        audited = ("status", "deleted_at")
        redacted = ("email", "name", "password_hash")
        constraints = [
            peewee.Check("email = lower(email)", name="users_email_is_lower_case"),
            peewee.Check("status IN ('active', 'inactive', 'suspended')", name="users_status_is_known"),
        ]

    owner_id = property(attrgetter("id"))

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the users that a caller with this scope may see; users who block each other are hidden."""
        if scope is Scope.ALL:
            return cls.select()
        if user_id is None:
            return cls.select().where(cls.status == "active")
        is_visible = (cls.status == "active") & cls.id.not_in(Relationship.blocked_either_way(user_id))
        return cls.select().where((cls.id == user_id) | is_visible)

    @classmethod
    def create_with_profile(cls, email: str, name: str, password_hash: str, status: str = "active") -> Self:
        """Create a user with an empty profile and return the user; needs a transaction."""
        user = cls.create(email=email, name=name, password_hash=password_hash, status=status)
        Profile.create(user=user)
        return user

    @classmethod
    def by_email(cls, email: str) -> Self | None:
        """Return the user with this normalized email address, None if there is none."""
        return cls.select().where(cls.email == email).first()

    @property
    def roles(self) -> list[str]:
        """The roles that were granted to the user, sorted."""
        grants = RoleGrant.select(RoleGrant.role).where(RoleGrant.user == self.id).order_by(RoleGrant.role)
        return [role for (role,) in grants.tuples()]


User.add_index(User.email, unique=True, where=User.deleted_at.is_null(), name="users_email")
User.add_index(User.index(peewee.SQL("lower(email) text_pattern_ops"), name="users_email_prefix"))
User.add_index(User.index(peewee.SQL("to_tsvector('simple', name)"), using="gin", name="users_name_words"))
User.add_index(User.index(User.status, User.id, where=peewee.SQL("status <> 'active'"), name="users_rare_status"))
explain_constraint("users_email", "email", "An account with this email address already exists.")


class LastSeen(Base):
    """When a user last sent a token; some minutes late, see `blog_app.accounts.last_seen`."""

    user = peewee.ForeignKeyField(User, backref="+", on_delete="CASCADE", primary_key=True)
    seen_at = TimestampField(index=True)

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "last_seen"
        watermarked = False


class RoleGrant(AccountsRecord):
    """A role granted to a user at `created_at`; every user is a member without a grant."""

    user = peewee.ForeignKeyField(User, backref="grants", on_delete="CASCADE", index=False)
    role = peewee.CharField(max_length=20)
    granted_by = peewee.ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        table_name = "role_grants"
        audited = ("role",)
        indexes = ((("user", "role"), True),)
        row_key = "user"
        constraints = [
            peewee.Check("role IN ('author', 'editor', 'vendor', 'admin')", name="role_grants_role_is_known")
        ]

    owner_id = property(attrgetter("user_id"))

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the grants that a caller with this scope may see: their own, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.user == user_id)


RoleGrant.add_index(RoleGrant.role, RoleGrant.user, name="role_grants_role")


class Profile(AccountsRecord):
    """The public profile of a user."""

    user = peewee.ForeignKeyField(User, backref="profiles", on_delete="CASCADE", unique=True)
    display_name = peewee.CharField(max_length=100, null=True)
    bio = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    website = peewee.CharField(max_length=2000, null=True)
    avatar_url = peewee.CharField(max_length=2000, null=True)
    social_links = BinaryJSONField(default=dict, index=False, constraints=[peewee.SQL("DEFAULT '{}'")])

    class Meta:
        table_name = "profiles"
        redacted = ("display_name", "bio", "website", "avatar_url", "social_links")
        row_key = "user"
        constraints = [
            peewee.Check("website ~* '^https?://'", name="profiles_website_is_http"),
            peewee.Check("avatar_url ~* '^https?://'", name="profiles_avatar_url_is_http"),
            peewee.Check("jsonb_typeof(social_links) = 'object'", name="profiles_social_links_is_object"),
        ]

    owner_id = property(attrgetter("user_id"))

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the profiles of the users that a caller with this scope may see."""
        return cls.select().where(cls.user.in_(User.within(scope, user_id).select(User.id)))

    @classmethod
    def ensure(cls, user_id: UUID) -> None:
        """Insert an empty profile if the user has none, as users loaded from seed files may; needs a transaction."""
        cls.insert(user=user_id).on_conflict(conflict_target=[cls.user], action="IGNORE").execute()


class Author(AccountsRecord):
    """The public page of an author; `posts` is a copy of the blog's number of their public posts."""

    user = peewee.ForeignKeyField(User, backref="+", on_delete="CASCADE", unique=True)
    slug = peewee.CharField(max_length=120, unique=True)
    posts = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        table_name = "authors"
        row_key = "user"
        indexes = ((("posts", "user"), False),)

    @classmethod
    def is_public(cls) -> peewee.Expression:
        """Return the condition that the page is shown: of an active user who may write, or has public posts.

        Its values are SQL, so that it can be part of a batch lookup.
        """
        may_write = (RoleGrant.user == cls.user) & (RoleGrant.role == peewee.SQL("'author'"))
        writes = (cls.posts > peewee.SQL("0")) | peewee.fn.EXISTS(RoleGrant.select(RoleGrant.id).where(may_write))
        return (User.status == peewee.SQL("'active'")) & User.deleted_at.is_null() & writes

    @classmethod
    def public(cls) -> Any:
        """Return the query for the pages that everybody sees, joined with user and profile."""
        return (
            cls.select()
            .join(User)
            .join(Profile, peewee.JOIN.LEFT_OUTER, on=(Profile.user == User.id))
            .where(cls.is_public())
        )


class Token(AccountsRecord):
    """An API token of a user (a session); only its hash is stored."""

    user = peewee.ForeignKeyField(User, backref="tokens", on_delete="CASCADE")
    token_hash = peewee.BlobField(unique=True)
    expires_at = TimestampField()

    class Meta:
        table_name = "tokens"
        audited = ("expires_at",)

    owner_id = property(attrgetter("user_id"))

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the caller's own unexpired tokens, whatever the scope."""
        return cls.select().where((cls.user == user_id) & (cls.expires_at > now()))


class Registration(AccountsRecord):
    """A registration that waits for confirmation; several may name one email address."""

    created_at = TimestampField(default=now, index=True)
    email = peewee.CharField(max_length=email_addresses.MAX_LENGTH)
    name = peewee.CharField(max_length=100)
    password_hash = peewee.CharField(max_length=255)

    class Meta:
        table_name = "registrations"
        watermarked = False  # No cached response and no read from a replica depends on it.


class Attempt(Base):
    """A counter of login throttling: the recent attempts, and when the next one is allowed."""

    key = peewee.BlobField(primary_key=True)
    attempts = peewee.IntegerField()
    tried_at = TimestampField(index=True)
    wait_until = TimestampField()

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "attempts"
        watermarked = False


class KnownClient(Base):
    """A network from which an account was signed in to lately. The key holds both, hashed."""

    key = peewee.BlobField(primary_key=True)
    seen_at = TimestampField(index=True)

    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "known_clients"
        watermarked = False


class Relationship(AccountsRecord):
    """A friend request, a friendship or a block between two users: at most one row for each pair of users.

    `low` is the smaller identifier, so no pair is stored twice, and both users read the same row. The row is a block if
    either user blocks the other; else a friendship if it has `friends_since`; else a request.
    """

    low = peewee.ForeignKeyField(User, backref="+", on_delete="CASCADE", index=False)
    high = peewee.ForeignKeyField(User, backref="+", on_delete="CASCADE")
    requester = peewee.ForeignKeyField(User, backref="+", null=True, on_delete="CASCADE", index=False)
    friends_since = TimestampField(null=True)
    low_blocks = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT false")])
    high_blocks = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT false")])

    class Meta:
        table_name = "pairs"
        row_key = ("low", "high")
        indexes = ((("low", "high"), True),)
        constraints = [
            peewee.Check("low_id < high_id", name="pairs_low_is_lower"),
            peewee.Check("requester_id IN (low_id, high_id)", name="pairs_requester_is_one_of_them"),
            peewee.Check(
                "CASE WHEN low_blocks OR high_blocks THEN num_nonnulls(requester_id, friends_since) = 0 "
                "ELSE requester_id IS NOT NULL END",
                name="pairs_is_one_thing",
            ),
        ]

    @property
    def owner_ids(self) -> tuple[UUID, UUID]:
        """Both users own the row."""
        return self.low_id, self.high_id

    def is_blocked_by(self, user_id: UUID) -> bool:
        """Return whether this one of the two users blocks the other."""
        return bool(self.low_blocks if self.low_id == user_id else self.high_blocks)

    @classmethod
    def involving(cls, user_id: UUID | None) -> Any:
        """Return the query for all relationships of this user."""
        return cls.select().where((cls.low == user_id) | (cls.high == user_id))

    @classmethod
    def other_user(cls, user_id: UUID | None) -> peewee.Node:
        """Return the SQL expression for the identifier of the other user."""
        return peewee.Case(cls.low, ((user_id, cls.high),), cls.low)

    @classmethod
    def is_block(cls) -> Any:
        """Return the condition that either user blocks the other."""
        return cls.low_blocks | cls.high_blocks

    @classmethod
    def blocked_either_way(cls, user_id: UUID | None) -> Any:
        """Return the query for the identifiers of the users whom this user blocks or who block this user."""
        return cls.involving(user_id).select(cls.other_user(user_id)).where(cls.is_block())

    @classmethod
    def blocked_ids(cls, user_id: UUID) -> Any:
        """Return the query for the identifiers of the users whom this user blocks."""
        blocks = peewee.Case(cls.low, ((user_id, cls.low_blocks),), cls.high_blocks)
        return cls.involving(user_id).select(cls.other_user(user_id)).where(blocks)

    @classmethod
    def pending_requests(cls, user_id: UUID) -> Any:
        """Return the query for the pending friend requests that this user sent or received."""
        return cls.involving(user_id).where(cls.requester.is_null(False), cls.friends_since.is_null())

    @classmethod
    def friend_ids(cls, user_id: UUID | None) -> Any:
        """Return the query for the identifiers of this user's friends."""
        return cls.involving(user_id).select(cls.other_user(user_id)).where(cls.friends_since.is_null(False))

    @classmethod
    def end_friendships_and_requests(cls, user_id: UUID) -> None:
        """End this user's friendships and requests; blocks stay, in case the user is restored."""
        cls.delete().where((cls.low == user_id) | (cls.high == user_id), ~cls.is_block()).execute()
