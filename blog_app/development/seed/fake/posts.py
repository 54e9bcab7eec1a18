"""Made-up posts with what hangs on them: tags, comments, and how often they were viewed."""

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

EVERY = timedelta(minutes=20)
PUBLISHED_AFTER = timedelta(minutes=15)
COMMENTED_AFTER = timedelta(hours=7)
TAGS_A_POST = 3
COMMENTS = (0, 0, 0, 1, 1, 2, 3)
"""How many comments a published post may have."""
MOST_VIEWS = 5_000
POST = (
    *("author_id", "title", "slug", "content", "content_html", "summary", "word_count", "reading_time"),
    *("status", "published_at", "category_id", "tag_words"),
)
COMMENT = ("subject_type", "subject_id", "author_id", "content", "content_html", "status")


@dataclass(frozen=True)
class Surroundings:
    """What posts refer to, by identifier; the first are the commonest."""

    readers: Sequence[str]
    authors: Sequence[str]
    categories: Sequence[str]
    tags: Mapping[str, str]
    """Names by identifier."""


def posts(seed: int, around: Surroundings, numbers: range) -> Batch:
    """Return these posts, most of them published, with three tags each."""
    random = random_of(seed, "posts", numbers.start)
    rows: list[tuple[Any, ...]] = []
    links, counters, comments = [], [], []
    tag_ids = list(around.tags)
    for number in numbers:
        at = time_of(number, EVERY)
        status = random.choices(("published", "draft", "archived"), (93, 5, 2))[0]
        published_at = None if status == "draft" else at + PUBLISHED_AFTER
        tags = _some(random, tag_ids)
        words = " ".join(sorted(around.tags[tag] for tag in tags))
        identity = record(seed, "post", number, at)
        category = one_of(random, around.categories)
        rows.append(
            (
                *identity,
                random.choice(around.authors),
                *_texts(random, seed, number),
                status,
                published_at,
                category,
                words,
            )
        )
        links += [(identity[0], tag) for tag in tags]
        if status == "published":
            counters.append((identity[0], int(MOST_VIEWS * random.random() ** 4)))
            comments += _comments(random, seed, number, identity[0], around.readers, at + COMMENTED_AFTER)
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
    # What the blog derives from a text itself, by shortcuts: rendering Markdown takes a hundred times as long.
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
        identity = record(seed, "comment", f"{post}/{number}", at + number * EVERY)
        found.append((*identity, "post", post_id, random.choice(readers), text, f"<p>{text}</p>", status))
    return found


def _some(random: Random, tags: Sequence[str]) -> list[str]:
    """Return a few tags, no two of them the same, in order."""
    chosen: set[str] = set()
    while len(chosen) < TAGS_A_POST:
        chosen.add(one_of(random, tags))
    return sorted(chosen)
