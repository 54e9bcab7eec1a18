"""Search and filters of products: full text, the slug of a category (with those below it), and keys of the metadata.

A search matches names and descriptions; better matches of the name come first. Only the newest `MAX_CANDIDATES` matches
are ranked. All of these have indexes (`migrations/shop/006_product_search.py`).
"""

from __future__ import annotations

from typing import Any

import peewee

from blog_app.api.resources.fields import String
from blog_app.api.resources.filters import Filter, json_filter
from blog_app.api.resources.full_text import ENGLISH, relevance, tsquery
from blog_app.api.resources.schema import Search
from blog_app.data.models import subquery_column
from blog_app.shop.models import Product, ProductCategory

MAX_CANDIDATES = 1_000
RELEVANCE = subquery_column("relevance")
NAME = peewee.fn.to_tsvector(ENGLISH, Product.name)
TEXT = peewee.Expression(
    peewee.fn.setweight(NAME, peewee.SQL("'A'")),
    "||",
    peewee.fn.setweight(peewee.fn.to_tsvector(ENGLISH, Product.description), peewee.SQL("'C'")),
)


def _matching_products(query: Any, text: str) -> Any:
    """Return the products of `query` that match the text, joined with their relevance as `found`."""
    words = tsquery(text)
    found = (
        query.select(Product.id, relevance(NAME, words).alias("relevance"))
        .where(peewee.Expression(TEXT, "@@", words))
        .order_by(Product.id.desc())
        .limit(MAX_CANDIDATES)
        .alias("found")
    )
    return Product.with_deleted().join(found, on=(subquery_column("id") == Product.id))


def _in_category(operator: str, value: Any) -> peewee.Expression:
    slugs = value if operator == "in" else [value]
    return Product.category.in_(ProductCategory.subtree(ProductCategory.slug.in_(slugs)))


SEARCH = Search(_matching_products, fields=("relevance",), sort=("-relevance", "-id"))
FILTERS = {
    "category": Filter(String(metadata={"example": "teaware"}), ("eq", "in"), _in_category),
    "metadata": json_filter(Product.metadata),
}
