"""Full-text search of posts, and related posts.

A search matches titles, tags and content, weighted in this order; prefixes match words of titles and tags.

Only the newest `MAX_CANDIDATES` matches are ranked, so that a search takes about the same time for rare and common
words; older matches of a very common word are not found.
"""

from __future__ import annotations

from typing import Any

import peewee

from blog_app.api.resources import full_text
from blog_app.api.resources.full_text import ENGLISH, PREFIX
from blog_app.api.resources.schema import Search
from blog_app.blog.models import Post, PostTag
from blog_app.data.models import subquery_column

MAX_CANDIDATES = 5_000
MAX_PREFIX_CANDIDATES = 500
"""Fewer, because the index returns prefix matches in the content too, and each must be rechecked."""
MAX_CANDIDATES_PER_TAG = 500
HEADLINE_OPTIONS = peewee.SQL("'StartSel=<mark>, StopSel=</mark>, MaxFragments=2, MinWords=8, MaxWords=24'")

RELEVANCE = subquery_column("relevance")
# Sanitized HTML has no angle bracket outside its tags. Any that is left is removed: a snippet has no tag but <mark>.
_plain_text = peewee.fn.translate(
    peewee.fn.regexp_replace(Post.content_html, peewee.SQL("'<[^>]*>'"), peewee.SQL("' '"), peewee.SQL("'g'")),
    peewee.SQL("'<>'"),
    peewee.SQL("''"),
)
SNIPPET = peewee.fn.ts_headline(ENGLISH, _plain_text, subquery_column("query"), HEADLINE_OPTIONS)


def matching_posts(query: Any, text: str) -> Any:
    """Return the posts of `query` that match the text, joined with their relevance as `found`."""
    tsquery = full_text.tsquery(text)
    relevance = full_text.relevance(Post.search, tsquery)
    candidates = (
        query.select(Post.id, relevance.alias("relevance"), tsquery.alias("query"))
        .where(peewee.Expression(Post.search, "@@", tsquery))
        .order_by(Post.published_at.desc(), Post.id.desc())
        .limit(MAX_PREFIX_CANDIDATES if PREFIX.search(text) else MAX_CANDIDATES)
    )
    # Sorted before the join, so that a page joins only the rows that it shows.
    found = (
        Post.with_deleted()
        .from_(candidates.alias("candidate"))
        .select(peewee.SQL('"candidate".*'))
        .order_by(peewee.SQL('"candidate"."relevance" DESC, "candidate"."id" DESC'))
        .alias("found")
    )
    return Post.with_deleted().join(found, on=(subquery_column("id") == Post.id))


SEARCH = Search(matching_posts, fields=("relevance", "snippet"), sort=("-relevance", "-id"))


def related_posts(posts: Any, post: Any) -> Any:
    """Return those of `posts` that share tags with the post that the query `post` finds, joined as `related`.

    Only the newest posts of each tag are considered: half of all posts may have it.
    """
    other = PostTag.alias()
    newest = (
        other.select(other.post.alias("id"))
        .where(other.tag == PostTag.tag, other.post != PostTag.post)
        .order_by(other.post.desc())
        .limit(MAX_CANDIDATES_PER_TAG)
    )
    shared = (
        PostTag.select(peewee.SQL('"other"."id"'), peewee.fn.count(peewee.SQL("*")).alias("shared_tags"))
        .join(newest.alias("other"), peewee.JOIN.LATERAL, on=peewee.SQL("true"))
        .where(PostTag.post == post.select(Post.id))
        .group_by(peewee.SQL('"other"."id"'))
        .alias("related")
    )
    return posts.join(shared, on=(peewee.SQL('"related"."id"') == Post.id))
