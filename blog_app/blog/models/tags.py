"""Tags and their posts (many to many), and the tag names in the full-text search of posts."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.databases.dependencies import DeclaredSQL, collections_of_rows
from blog_app.data.models import Base
from blog_app.data.slugs import make_slug, random_suffix
from blog_app.errors import Invalid, explain_constraint
from blog_app.permissions import Scope

BY_SLUG = "SELECT id, slug, name FROM blog.tags WHERE slug = ANY(%s)"
BY_NAME = """
SELECT given.text, tags.id, tags.slug, tags.name
FROM unnest(%s) AS given (text) JOIN blog.tags ON lower(tags.name) = lower(given.text)
"""
LOCK = " FOR KEY SHARE OF tags"


def _rows(sql: str, texts: list[str], lock: bool) -> Any:
    return databases.blog.execute_sql(sql + LOCK if lock else sql, (texts,)).fetchall()


class TagRow(NamedTuple):
    """The columns of a tag that posts need."""

    id: str
    slug: str
    name: str


class Tag(BlogRecord):
    """A tag of posts."""

    name = peewee.CharField(max_length=50)
    slug = peewee.CharField(max_length=60, unique=True)

    class Meta:
        table_name = "tags"
        audited = ("name", "slug")

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the tags that a caller with this scope may see: all."""
        return cls.select()

    @classmethod
    def find(cls, texts: list[str], *, lock: bool = False, create: bool = False) -> list[TagRow]:
        """Return the tags that have these slugs or names, in order; with `create`, make those that do not exist.

        Raise `Invalid` naming each that does not exist and is not made. With `lock` they are locked until this
        transaction ends. Two transactions that make the same tag get the same one.
        """
        found = {row[1]: TagRow(*row) for row in _rows(BY_SLUG, texts, lock)} if texts else {}
        suffix = ""
        while missing := {text: place for place, text in reversed(list(enumerate(texts))) if text not in found}:
            found |= {text: TagRow(*tag) for text, *tag in _rows(BY_NAME, list(missing), lock)}
            # One order for all: no deadlock. Of two spellings the first is made.
            new = sorted(missing.keys() - found.keys(), key=lambda text: (text.lower(), missing[text]))
            slugs = {text: make_slug(text, cls.slug.max_length - len(suffix)) for text in new}
            errors = [
                {"pointer": f"/tags/{missing[text]}", "detail": f"Tag {text!r} not found."}
                for text in new
                if not create or not slugs[text] or len(text) > cls.name.max_length
            ]
            if errors:
                raise Invalid("The body is not valid.", errors=errors)
            if new:
                rows = [{"name": text, "slug": slugs[text] + suffix} for text in new]
                cls.insert_many(rows).on_conflict_ignore().execute()
            suffix = random_suffix()  # For those whose slug another tag has.
        return list({found[text].id: found[text] for text in texts}.values())

    def posts(self) -> Any:
        """Return the query for the ids of the posts that have this tag."""
        return PostTag.select(PostTag.post).where(PostTag.tag == self.id)

    def rename(self, name: str, slug: str) -> None:
        """Change the name and slug of the tag."""
        if name == self.name:
            self.change(slug=slug)
            return
        lock_posts(self.posts())
        self.change(name=name, slug=slug)
        refresh_tag_words(Post.id.in_(self.posts()))

    def remove(self) -> None:
        """Delete the tag and remove it from all posts."""
        posts = lock_posts(self.posts())
        self.delete_instance()
        if posts:
            refresh_tag_words(Post.id.in_(posts))


class PostTag(Base):
    """The link between a post and a tag."""

    post = peewee.ForeignKeyField(Post, backref="post_tags", on_delete="CASCADE", index=False)
    tag = peewee.ForeignKeyField(Tag, backref="post_tags", on_delete="CASCADE", index=False)

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "post_tags"
        primary_key = peewee.CompositeKey("post", "tag")
        indexes = ((("tag", "post"), False),)
        row_key = "post"

    @classmethod
    def after_bulk_load(cls) -> None:
        refresh_tag_words()

    @classmethod
    def replace(cls, post: Post, tags: list[TagRow]) -> None:
        """Replace the tags of the post; updating its `tag_words` is left to the calling function."""
        others = cls.tag.not_in([tag.id for tag in tags])
        databases.blog.pipeline(cls.delete().where((cls.post == post.id) & others))
        cls.add(post, tags)

    @classmethod
    def add(cls, post: Post, tags: list[TagRow]) -> None:
        """Add tags to the post; updating its `tag_words` is left to the calling function."""
        if tags:
            places = ", ".join(["(%s, %s)"] * len(tags))
            sql = f"INSERT INTO blog.post_tags (post_id, tag_id) VALUES {places} ON CONFLICT DO NOTHING"  # noqa: S608
            links = [identifier for tag in tags for identifier in (str(post.id), tag.id)]
            databases.blog.pipeline(DeclaredSQL(sql), links, collections_of_rows(cls, [post.id]))


def lock_posts(posts: Any) -> list[UUID]:
    """Lock the posts whose ids a query finds, in the order of their ids; return the ids."""
    query = Post.with_deleted().where(Post.id.in_(posts)).order_by(Post.id)
    return [post_id for (post_id,) in query.select(Post.id).for_update("FOR NO KEY UPDATE").tuples()]


# `Post.tag_words` holds the names of a post's tags for the full-text search. It is never left stale: renaming a tag
# locks the tag, then its posts, and only then takes the new name, which an edit of one of them may be about to make a
# tag of; editing a post locks the post, then tags that are new to it (by the foreign key), and reads the names last;
# creating a post, which is not visible yet, locks the tags. A tag that a post loses and gets again while it is renamed
# or deleted can still end in a deadlock: then one of the requests is refused with 503, and writes nothing.


def tag_words_query(post_id: Any) -> Any:
    """Return the query for the `tag_words` of a post; `post_id` is an id or a column."""
    names = peewee.fn.string_agg(Tag.name, " ").order_by(Tag.name)
    return PostTag.select(peewee.fn.coalesce(names, "")).join(Tag).where(PostTag.post == post_id)


def tag_words(tags: list[TagRow]) -> str:
    """Return the `tag_words` of a post with these tags."""
    return " ".join(sorted(tag.name for tag in tags))


def refresh_tag_words(condition: peewee.Expression | None = None) -> None:
    """Update the `tag_words` of all posts, or of those that match `condition`."""
    words = tag_words_query(Post.id)
    stale = Post.tag_words != words
    Post.update(tag_words=words).where(stale if condition is None else stale & condition).execute()


Tag.add_index(Tag.index(peewee.SQL("lower(name)"), unique=True, name="tags_name"))
explain_constraint("tags_name", "name", "A tag with this name already exists.")
explain_constraint("tags_slug", "slug", "A tag with this slug already exists.")
explain_constraint("post_tags_tag_id_fkey", "tags", "One of these tags was just deleted.", status=Invalid)
