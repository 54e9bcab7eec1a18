"""The directory of accounts: batch lookups of users for other domains, and of token holders for authentication."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from peewee import SQL

from blog_app.accounts.models import FORMER_MEMBER, Author, Profile, Relationship, RoleGrant, Token, User
from blog_app.api import auth
from blog_app.api.token_cache import Identity, TokenHolder
from blog_app.data import cache, databases
from blog_app.data.databases import dependencies
from blog_app.data.models import batch_lookup

# Subqueries instead of joins: PostgreSQL plans this anew for every request, and subqueries need no join order.
HOLDER = """
    SELECT t.user_id, t.id, ARRAY(SELECT g.role FROM accounts.role_grants g WHERE g.user_id = t.user_id),
           EXISTS (SELECT FROM accounts.pairs p
                    WHERE (p.low_id = t.user_id OR p.high_id = t.user_id) AND (p.low_blocks OR p.high_blocks)),
           extract(epoch FROM t.expires_at - now())::float,
           (SELECT u.name FROM accounts.users u
             WHERE u.id = t.user_id AND u.status = 'active' AND u.deleted_at IS NULL)
      FROM accounts.tokens t
     WHERE t.token_hash = %s AND t.expires_at > now()
"""

_ids = batch_lookup(User.id, User.select(User.id))
_names = batch_lookup(User.id, User.select(User.id, User.name))
_authors = batch_lookup(
    User.id,
    User.select(
        User.id,
        User.name,
        Author.select(Author.slug).where((Author.user == User.id) & Author.is_public()),
        Profile.select(Profile.avatar_url).where((Profile.user == User.id) & (User.status == SQL("'active'"))),
    ),
)
_emails = batch_lookup(User.id, User.select(User.id, User.email))


def token_holder(token_hash: bytes) -> TokenHolder | None:
    """Return who holds the token with this hash; None if it is unknown or expired, or its user is not active."""
    row = databases.accounts.execute_sql(HOLDER, (token_hash,)).fetchone()
    if row is None:
        return None
    user_id, token_id, roles, has_blocks, seconds, name = row
    if name is None:
        return None
    return TokenHolder(Identity(UUID(user_id), name, tuple(sorted(roles)), UUID(token_id), has_blocks), seconds)


def existing_ids(ids: list[str]) -> set[str]:
    """Return those of these identifiers that belong to users who are not deleted. One statement."""
    return {row[0] for row in _ids(ids)}


def token_holder_depends_on(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Return the collections that a token's holder is read from: the token, its user, their roles and relationships."""
    user = identity.user_id
    rows = ((Token, identity.token_id), (User, user), (RoleGrant, user), (Relationship, user))
    return tuple(pair for model, row in rows for pair in dependencies.read_dependencies(model, row))


@cache.reads(User)
def people(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return the public `id` and `name` of these users, by id. At most one statement.

    Deleted users are shown as a former member: posts and orders outlive accounts. The caller, who is often the author,
    is not looked up again.
    """
    caller = auth.current().identity
    names = {str(caller.user_id): caller.name} if caller else {}
    if others := [each for each in ids if each not in names]:
        names.update(_names(others))
    return {each: {"id": each, "name": names.get(each, FORMER_MEMBER)} for each in ids}


@cache.reads(User, Profile, Author, RoleGrant)
def authors(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return `id`, `name`, `slug` and `avatar_url` of these users, by id. One statement.

    The slug is that of the public page, None without one; a deleted user is a former member, without an avatar.
    """
    found = {row[0]: row for row in _authors(ids)}
    rows = (found.get(each, (each, FORMER_MEMBER, None, None)) for each in ids)
    return {row[0]: dict(zip(("id", "name", "slug", "avatar_url"), row, strict=True)) for row in rows}


def emails(ids: list[str]) -> dict[str, str]:
    """Return the email addresses of these users, by id, without deleted users. One statement."""
    return dict(_emails(ids))
