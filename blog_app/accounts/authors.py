"""Public pages of authors: who has one, under which slug, and how many posts it counts.

Whoever gets the role of an author has a page at once, and keeps its slug. The number of public posts is a copy of what
the blog counts, because no query crosses logical databases: every few minutes the blog publishes all numbers
(`blog_app.blog.statistics`), so a lost or late event is made good by the next. With it come the pages of those who
became authors without the role being granted here, by seed files or before there were pages, and of editors who write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import peewee

from blog_app.accounts.models import Author, RoleGrant, User
from blog_app.data.models import any_of, array_literal
from blog_app.data.slugs import insert_with_slug


def ensure_pages(user_ids: Iterable[Any]) -> None:
    """Make the pages of those of these users who have none; needs a transaction."""
    without = any_of(User.id, list(user_ids)) & User.id.not_in(Author.select(Author.user))
    for user in User.select(User.id, User.name).where(without).order_by(User.id).for_update("FOR NO KEY UPDATE"):
        if not Author.select().where(Author.user == user.id).exists():  # While this waited for the lock.
            insert_with_slug(Author, user.name, user=user.id)


def store_counts(posts: Mapping[str, int]) -> None:
    """Store the numbers of public posts of all authors, by user id; those who are not named have none.

    Nothing is written, so that no cached response ends, while the numbers are what they were.
    """
    granted = RoleGrant.select(RoleGrant.user).where(RoleGrant.role == "author")
    ensure_pages({*posts, *(str(user_id) for (user_id,) in granted.tuples())})
    known = {str(user_id): number for user_id, number in Author.select(Author.user, Author.posts).tuples()}
    changed = {user_id: posts.get(user_id, 0) for user_id in known if posts.get(user_id, 0) != known[user_id]}
    if changed:
        arrays = [array_literal(changed), array_literal(changed.values())]
        counted = peewee.SQL("unnest(%s::uuid[], %s::integer[]) AS counted (user_id, posts)", arrays)
        is_counted = Author.user == peewee.SQL("counted.user_id")
        Author.update(posts=peewee.SQL("counted.posts")).from_(counted).where(is_counted).execute()
