"""What admins see of users, and find them by, and nobody else: email address, roles, and when they were last seen.

Guarantee: for callers without the scope ALL these columns are null whatever is asked for, and these filters are refused
with 403. The search `q` finds the words of a name by their beginnings, for admins also addresses by theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import peewee
from marshmallow import ValidationError, fields as ma, validate

from blog_app.accounts.models import GRANTABLE_ROLES, LastSeen, RoleGrant, User
from blog_app.api import auth
from blog_app.api.resources.fields import String, Timestamp
from blog_app.api.resources.filters import COMPARISONS, ORDER_OPERATORS, Condition, Filter
from blog_app.api.resources.schema import PerRequest, Search
from blog_app.data import email_addresses
from blog_app.permissions import Scope

WORD = re.compile(r"\w+")
SIMPLE = peewee.SQL("'simple'")

ROLES_COLUMN = peewee.fn.ARRAY(RoleGrant.select(RoleGrant.role).where(RoleGrant.user == User.id).order_by(RoleGrant.id))


def _shown_to_admins(column: Any, kind: str) -> PerRequest:
    return PerRequest(lambda: column if auth.scope() is Scope.ALL else peewee.SQL(f"NULL::{kind}"))


COLUMNS: Mapping[str, Any] = {
    "email": _shown_to_admins(User.email, "text"),
    "roles": _shown_to_admins(ROLES_COLUMN, "text[]"),
    "last_seen_at": _shown_to_admins(LastSeen.select(LastSeen.seen_at).where(LastSeen.user == User.id), "timestamptz"),
}


def _for_admins(condition: Condition) -> Condition:
    """Return the condition of a filter that only admins may use; the statement is refused, not its parsing."""

    def checked(operator: str, value: Any) -> Any:
        built = condition(operator, value)

        def require_admin() -> peewee.Node:
            auth.require_all()
            return built

        return PerRequest(require_admin)

    return checked


def _has_email(operator: str, value: Any) -> peewee.Expression:
    if operator == "starts_with":
        return COMPARISONS[operator](User.email, value)
    try:
        return User.email.in_([email_addresses.normalize(each) for each in (value if operator == "in" else [value])])
    except email_addresses.BadAddress as error:
        raise ValidationError(str(error)) from error


def _has_role(operator: str, value: Any) -> peewee.Expression:
    roles = value if operator == "in" else [value]
    return User.id.in_(RoleGrant.select(RoleGrant.user).where(RoleGrant.role.in_(roles)))


def _was_seen(operator: str, value: Any) -> peewee.Expression:
    seen = LastSeen.select(LastSeen.user)
    if operator == "is_null":
        return User.id.not_in(seen) if value else User.id.in_(seen)
    return User.id.in_(seen.where(COMPARISONS[operator](LastSeen.seen_at, value)))


FILTERS = {
    "email": Filter(
        String(metadata={"example": "ada@example.com"}), ("eq", "in", "starts_with"), _for_admins(_has_email)
    ),
    "role": Filter(ma.String(validate=validate.OneOf(GRANTABLE_ROLES)), ("eq", "in"), _for_admins(_has_role)),
    "last_seen_at": Filter(Timestamp(), (*ORDER_OPERATORS, "is_null"), _for_admins(_was_seen)),
}


def matching_users(query: Any, text: str) -> Any:
    """Return the users of `query` whose name has words that begin with those of the text; see the module."""
    words = " & ".join(f"'{word}':*" for word in WORD.findall(text))
    names = peewee.fn.to_tsvector(SIMPLE, User.name)  # As in the index `users_name_words`.
    found = peewee.Expression(names, "@@", peewee.fn.to_tsquery(SIMPLE, words))
    if auth.scope() is Scope.ALL:
        found |= COMPARISONS["starts_with"](User.email, text)
    return query.where(found)


SEARCH = Search(matching_users)
