"""Finding posts: by words, and by what they share with another post.

Words are looked for in titles, tags and texts, which count in this order. `q=` takes what people type into search
engines (`"exact phrase"`, `or`, `-without`), and `kett*`, which finds titles and tags with a word that begins so.

A word that is in very many posts would have to be ranked in all of them. Only the newest `CANDIDATES` matches are, so
that a search takes about the same time for any word; what lies further back is not found by so common a word alone.
"""

from __future__ import annotations

import re
from typing import Any

import peewee

from blog_app.api.resources.search import Search
from blog_app.blog.models import Post, PostTag
from blog_app.data.models import column_of_found
from blog_app.errors import bad_parameter

CANDIDATES = 5_000
PREFIX_CANDIDATES = 500
"""Fewer, because an index finds the beginnings of words in texts too, and each match must be looked at."""
RELATED_OF_A_TAG = 500
PREFIX = re.compile(r"(\w+)\*")
LEAST_PREFIX = 2
ENGLISH = peewee.SQL("'english'")
MARKED = peewee.SQL("'StartSel=<mark>, StopSel=</mark>, MaxFragments=2, MinWords=8, MaxWords=24'")

RELEVANCE = column_of_found("relevance")
# The text between the tags of clean HTML has no bracket of its own. Should one be left, it goes: a snippet has no tag
# but <mark>, whatever comes in.
_words_of_html = peewee.fn.translate(
    peewee.fn.regexp_replace(Post.content_html, peewee.SQL("'<[^>]*>'"), peewee.SQL("' '"), peewee.SQL("'g'")),
    peewee.SQL("'<>'"),
    peewee.SQL("''"),
)
SNIPPET = peewee.fn.ts_headline(ENGLISH, _words_of_html, column_of_found("query"), MARKED)


def _tsquery(text: str) -> Any:
    """Return the full-text query for what somebody typed."""
    terms = []
    rest = PREFIX.sub(" ", text).strip()
    if rest:
        terms.append(peewee.fn.websearch_to_tsquery(ENGLISH, rest))
    for beginning in PREFIX.findall(text):
        if len(beginning) < LEAST_PREFIX:
            raise bad_parameter("q", f"at least {LEAST_PREFIX} letters must stand before a *.")
        terms.append(peewee.fn.to_tsquery(ENGLISH, f"'{beginning}':*AB"))
    query = terms[0]
    for term in terms[1:]:
        query = peewee.Expression(query, "&&", term)
    return query


def matching(query: Any, text: str) -> Any:
    """Return the posts of `query` that match the text, each with its relevance, as `found`."""
    wanted = _tsquery(text)
    # A whole number, because a cursor must come back to exactly the same place.
    relevance = peewee.fn.round(peewee.fn.ts_rank(Post.search, wanted) * peewee.SQL("1000000")).cast("integer")
    candidates = (
        query.select(Post.id, relevance.alias("relevance"), wanted.alias("query"))
        .where(peewee.Expression(Post.search, "@@", wanted))
        .order_by(Post.published_at.desc(), Post.id.desc())
        .limit(PREFIX_CANDIDATES if PREFIX.search(text) else CANDIDATES)
    )
    # Sorted here, so that a page joins the rows that it shows and no more.
    found = (
        Post.with_deleted()
        .from_(candidates.alias("candidate"))
        .select(peewee.SQL('"candidate".*'))
        .order_by(peewee.SQL('"candidate"."relevance" DESC, "candidate"."id" DESC'))
        .alias("found")
    )
    return Post.with_deleted().join(found, on=(column_of_found("id") == Post.id))


SEARCH = Search(matching, fields=("relevance", "snippet"), sort=("-relevance", "-id"))


def related(posts: Any, post: Any) -> Any:
    """Return those of `posts` that share tags with the one post that the query `post` finds, as `related`.

    Of each tag the newest posts are looked at: a tag may be on half of them.
    """
    other = PostTag.alias()
    newest = (
        other.select(other.post.alias("id"))
        .where(other.tag == PostTag.tag, other.post != PostTag.post)
        .order_by(other.post.desc())
        .limit(RELATED_OF_A_TAG)
    )
    shared = (
        PostTag.select(peewee.SQL('"other"."id"'), peewee.fn.count(peewee.SQL("*")).alias("shared_tags"))
        .join(newest.alias("other"), peewee.JOIN.LATERAL, on=peewee.SQL("true"))
        .where(PostTag.post == post.select(Post.id))
        .group_by(peewee.SQL('"other"."id"'))
        .alias("related")
    )
    return posts.join(shared, on=(peewee.SQL('"related"."id"') == Post.id))
