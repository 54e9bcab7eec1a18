"""Fake posts with their tags, comments and view counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from slugify import slugify

from blog_app.blog.content import plain_text, reading_time_of, summary_of
from blog_app.blog.models import Comment, Post, PostCounters, PostTag
from blog_app.development.seed.fake import texts
from blog_app.development.seed.fake.copy import Batch, Rows
from blog_app.development.seed.fake.rows import RECORD, one_of, random_of, record, time_of

INTERVAL = timedelta(minutes=20)
PUBLICATION_DELAY = timedelta(minutes=15)
COMMENT_DELAY = timedelta(hours=7)
TAGS_PER_POST = 3
COMMENTS = (0, 0, 0, 1, 1, 2, 3)
"""How many comments a published post may have."""
MAX_VIEWS = 5_000
POST = (
    *("author_id", "title", "slug", "content", "content_html", "summary", "word_count", "reading_time"),
    *("status", "published_at", "category_id", "tag_words"),
)
COMMENT = ("subject_type", "subject_id", "author_id", "content", "content_html", "status")


@dataclass(frozen=True)
class PostReferences:
    """The ids of what posts refer to; the first ones are used most often."""

    readers: Sequence[str]
    authors: Sequence[str]
    categories: Sequence[str]
    tags: Mapping[str, str]
    """Names by identifier."""


def posts(seed: int, references: PostReferences, numbers: range) -> Batch:
    """Return the batch of posts with these numbers, most of them published, with three tags each."""
    random = random_of(seed, "posts", numbers.start)
    rows: list[tuple[Any, ...]] = []
    links, counters, comments = [], [], []
    tag_ids = list(references.tags)
    for number in numbers:
        at = time_of(number, INTERVAL)
        status = random.choices(("published", "draft", "archived"), (93, 5, 2))[0]
        published_at = None if status == "draft" else at + PUBLICATION_DELAY
        tags = _some(random, tag_ids)
        words = " ".join(sorted(references.tags[tag] for tag in tags))
        identity = record(seed, "post", number, at)
        category = one_of(random, references.categories)
        rows.append(
            (
                *identity,
                random.choice(references.authors),
                *_texts(random, seed, number),
                status,
                published_at,
                category,
                words,
            )
        )
        links += [(identity[0], tag) for tag in tags]
        if status == "published":
            counters.append((identity[0], int(MAX_VIEWS * random.random() ** 4)))
            comments += _comments(random, seed, number, identity[0], references.readers, at + COMMENT_DELAY)
    return Batch(
        (
            Rows(Post, (*RECORD, *POST), rows),
            Rows(PostTag, ("post_id", "tag_id"), links),
            Rows(PostCounters, ("post_id", "views"), counters),
            Rows(Comment, (*RECORD, *COMMENT), comments),
        )
    )


def _texts(random: Random, seed: int, number: int) -> tuple[str, str, str, str, str, int, int]:
    """Return title, slug, content, its HTML, a summary, the words and the minutes that it takes to read them."""
    title = texts.title(random)
    paragraphs = texts.paragraphs(random, number)
    # The values that the blog derives, by shortcuts: rendering Markdown takes a hundred times as long.
    content = "\n\n".join(paragraphs)
    html = [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    words = len(content.split())
    return (
        title,
        f"{slugify(title)}-{seed}-{number}",
        content,
        "\n".join(html),
        summary_of(plain_text("\n".join(html[:2]))),
        words,
        reading_time_of(words),
    )


def _comments(
    random: Random, seed: int, post: int, post_id: str, readers: Sequence[str], at: datetime
) -> list[tuple[Any, ...]]:
    found = []
    for number in range(random.choice(COMMENTS)):
        text = texts.comment(random)
        status = random.choices(("approved", "pending", "spam"), (95, 3, 2))[0]
        identity = record(seed, "comment", f"{post}/{number}", at + number * INTERVAL)
        found.append((*identity, "post", post_id, random.choice(readers), text, f"<p>{text}</p>", status))
    return found


def _some(random: Random, tags: Sequence[str]) -> list[str]:
    """Return a few tags, no two of them the same, in order."""
    chosen: set[str] = set()
    while len(chosen) < TAGS_PER_POST:
        chosen.add(one_of(random, tags))
    return sorted(chosen)
