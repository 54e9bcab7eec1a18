"""Tags, and which post has which."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.databases.dependencies import DeclaredSQL, collections_of_rows
from blog_app.data.models import Base
from blog_app.errors import Invalid, explain_constraint
from blog_app.permissions import Scope

NAMED = "SELECT id, slug, name FROM blog.tags WHERE slug = ANY(%s)"
LOCKED = f"{NAMED} FOR KEY SHARE"


class NamedTag(NamedTuple):
    """What a post needs to know of a tag."""

    id: str
    slug: str
    name: str


class Tag(BlogRecord):
    """A word that posts share."""

    name = peewee.CharField(max_length=50)
    slug = peewee.CharField(max_length=60, unique=True)

    class Meta:
        table_name = "tags"
        audited = ("name", "slug")

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the tags that someone with this scope may see: all of them."""
        return cls.select()

    @classmethod
    def named(cls, slugs: list[str], *, lock: bool = False) -> list[NamedTag]:
        """Return the tags with these slugs in their order; raise `Invalid` naming the ones that do not exist.

        With `lock` none of them changes until this transaction ends.
        """
        rows = databases.blog.execute_sql(LOCKED if lock else NAMED, (slugs,)).fetchall() if slugs else ()
        found = {tag.slug: tag for tag in map(NamedTag._make, rows)}
        missing = [
            {"pointer": f"/tags/{place}", "detail": f"There is no tag {slug!r}."}
            for place, slug in enumerate(slugs)
            if slug not in found
        ]
        if missing:
            raise Invalid("The body is not valid.", errors=missing)
        return [found[slug] for slug in dict.fromkeys(slugs)]

    def posts(self) -> Any:
        """Return the query for the identifiers of the posts that have this tag."""
        return PostTag.select(PostTag.post).where(PostTag.tag == self.id)

    def rename(self, name: str) -> None:
        """Give the tag another name; its slug stays."""
        self.change(name=name)
        lock(self.posts())
        refresh_tag_words(Post.id.in_(self.posts()))

    def remove(self) -> None:
        """Delete the tag, and take it off all posts."""
        carriers = lock(self.posts())
        self.delete_instance()
        if carriers:
            refresh_tag_words(Post.id.in_(carriers))


class PostTag(Base):
    """That a post has a tag."""

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
    def loaded(cls) -> None:
        refresh_tag_words()

    @classmethod
    def replace(cls, post: Post, tags: list[NamedTag]) -> None:
        """Give the post exactly these tags. The words of them that its search needs are the caller's to write."""
        others = cls.tag.not_in([tag.id for tag in tags])
        databases.blog.pipeline(cls.delete().where((cls.post == post.id) & others))
        cls.add(post, tags)

    @classmethod
    def add(cls, post: Post, tags: list[NamedTag]) -> None:
        """Give the post these tags too."""
        if tags:
            places = ", ".join(["(%s, %s)"] * len(tags))
            sql = f"INSERT INTO blog.post_tags (post_id, tag_id) VALUES {places} ON CONFLICT DO NOTHING"  # noqa: S608
            links = [identifier for tag in tags for identifier in (str(post.id), tag.id)]
            databases.blog.pipeline(DeclaredSQL(sql), links, collections_of_rows(cls, [post.id]))


def lock(posts: Any) -> list[UUID]:
    """Lock the posts with the identifiers that a query finds, in a fixed order; return the identifiers."""
    query = Post.with_deleted().where(Post.id.in_(posts)).order_by(Post.id)
    return [post_id for (post_id,) in query.select(Post.id).for_update("FOR NO KEY UPDATE").tuples()]


# Posts keep the names of their tags for the search. No post is left with an old one, and nobody waits in a circle:
# whoever renames a tag holds the tag, then its posts; whoever edits a post holds the post, then a tag that is new to it
# (by the foreign key), and reads the names last; whoever writes a post, which nobody else sees yet, holds the tags.


def words_of(post: Post) -> Any:
    """Return the query for what the full-text search of a post holds of its tags, as they are when it runs."""
    names = peewee.fn.string_agg(Tag.name, " ").order_by(Tag.name)
    return PostTag.select(peewee.fn.coalesce(names, "")).join(Tag).where(PostTag.post == post.id)


def tag_words(tags: list[NamedTag]) -> str:
    """Return what a post's full-text search holds of its tags."""
    return " ".join(sorted(tag.name for tag in tags))


def refresh_tag_words(condition: peewee.Expression | None = None) -> None:
    """Bring the tag words of posts, all or those that fit `condition`, up to date."""
    names = peewee.fn.string_agg(Tag.name, " ").order_by(Tag.name)
    words = PostTag.select(peewee.fn.coalesce(names, "")).join(Tag).where(PostTag.post == Post.id)
    stale = Post.tag_words != words
    Post.update(tag_words=words).where(stale if condition is None else stale & condition).execute()


explain_constraint("tags_slug", "name", "There is a tag of this name already.")
explain_constraint("post_tags_tag_id_fkey", "tags", "One of these tags has just been deleted.", status=Invalid)
