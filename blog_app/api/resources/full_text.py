"""Full-text queries: `?q=` as a tsquery of PostgreSQL, in English.

`q=` takes the syntax of web search engines (`"exact phrase"`, `or`, `-without`), and prefixes like `kett*`, which match
words of the weights A and B.
"""

from __future__ import annotations

import re
from typing import Any

import peewee

from blog_app.errors import bad_parameter

PREFIX = re.compile(r"(\w+)\*")
MIN_PREFIX_LENGTH = 2
ENGLISH = peewee.SQL("'english'")


def tsquery(text: str) -> Any:
    """Return the tsquery for a search string; raise a bad parameter error if a prefix is too short."""
    terms = []
    rest = PREFIX.sub(" ", text).strip()
    if rest:
        terms.append(peewee.fn.websearch_to_tsquery(ENGLISH, rest))
    for prefix in PREFIX.findall(text):
        if len(prefix) < MIN_PREFIX_LENGTH:
            raise bad_parameter("q", f"A prefix search needs at least {MIN_PREFIX_LENGTH} characters before the *.")
        terms.append(peewee.fn.to_tsquery(ENGLISH, f"'{prefix}':*AB"))
    query = terms[0]
    for term in terms[1:]:
        query = peewee.Expression(query, "&&", term)
    return query


def relevance(vector: Any, query: Any) -> Any:
    """Return how well a tsvector matches, as an integer: a cursor must resume at exactly the same place."""
    return peewee.fn.round(peewee.fn.ts_rank(vector, query) * peewee.SQL("1000000")).cast("integer")
