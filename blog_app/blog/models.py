"""Categories, tags and posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app import databases
from blog_app.errors import Invalid, explain_constraint
from blog_app.models import Base, Record, TimestampField
from blog_app.permissions import Scope

NOW = peewee.fn.now()


class BlogRecord(Record):
    """A record of the blog database."""

    class Meta:
        database = databases.blog
        schema = "blog"


class Category(BlogRecord):
    """What a post is about; a post has one or none."""

    name = peewee.CharField(max_length=80)
    slug = peewee.CharField(max_length=100, unique=True)
    description = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])

    class Meta:
        table_name = "categories"

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the categories that someone with this scope may see: all of them."""
        return cls.select()


class Tag(BlogRecord):
    """A word that posts share."""

    name = peewee.CharField(max_length=50)
    slug = peewee.CharField(max_length=60, unique=True)

    class Meta:
        table_name = "tags"

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the tags that someone with this scope may see: all of them."""
        return cls.select()


class Post(BlogRecord):
    """A text with an author, who is a user of the accounts database."""

    author_id = peewee.UUIDField(index=True)
    title = peewee.CharField(max_length=150)
    slug = peewee.CharField(max_length=180, unique=True)
    content = peewee.TextField()
    status = peewee.CharField(max_length=20, default="draft", constraints=[peewee.SQL("DEFAULT 'draft'")])
    published_at = TimestampField(null=True)
    category = peewee.ForeignKeyField(Category, backref="posts", null=True, on_delete="SET NULL")

    class Meta:
        table_name = "posts"
        indexes = ((("status", "published_at", "id"), False),)
        constraints = [
            peewee.Check("status IN ('draft', 'published', 'archived')", name="posts_status_is_known"),
            peewee.Check("status <> 'published' OR published_at IS NOT NULL", name="posts_published_has_a_time"),
        ]

    @property
    def owner_id(self) -> UUID:
        return self.author_id

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the posts that someone with this scope may see: those that are out, their own, or all."""
        if scope is Scope.ALL:
            return cls.select()
        is_out = (cls.status == "published") & (cls.published_at <= NOW)
        return cls.select().where(is_out | (cls.author_id == user_id) if scope is Scope.OWN else is_out)

    @property
    def tags(self) -> list[str]:
        """The slugs of the post's tags."""
        query = Tag.select(Tag.slug).join(PostTag).where(PostTag.post == self).order_by(Tag.id)
        return [slug for (slug,) in query.tuples()]

    def set_tags(self, slugs: list[str]) -> None:
        """Give the post exactly the tags with these slugs; raise `Invalid` naming the ones that do not exist."""
        found = {tag.slug: tag for tag in Tag.select().where(Tag.slug.in_(slugs))}
        missing = [slug for slug in slugs if slug not in found]
        if missing:
            raise Invalid(
                "The body is not valid.",
                errors=[
                    {"pointer": f"/tags/{slugs.index(slug)}", "detail": f"There is no tag {slug!r}."}
                    for slug in missing
                ],
            )
        PostTag.delete().where((PostTag.post == self) & PostTag.tag.not_in(list(found.values()))).execute()
        if found:
            rows = [{"post": self, "tag": tag} for tag in found.values()]
            PostTag.insert_many(rows).on_conflict_ignore().execute()


class PostTag(Base):
    """That a post has a tag."""

    post = peewee.ForeignKeyField(Post, backref="post_tags", on_delete="CASCADE", index=False)
    tag = peewee.ForeignKeyField(Tag, backref="post_tags", on_delete="CASCADE")

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "post_tags"
        primary_key = peewee.CompositeKey("post", "tag")


explain_constraint("categories_slug", "name", "There is a category of this name already.")
explain_constraint("tags_slug", "name", "There is a tag of this name already.")
explain_constraint("posts_category_id_fkey", "category_id", "There is no such category.", status=Invalid)
