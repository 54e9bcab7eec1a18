"""The endpoints of the blog."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blog_app import databases
from blog_app.auth import allowed, identity
from blog_app.blog import posts as actions
from blog_app.blog.models import Category, Post, Tag
from blog_app.blog.schemas import CategorySchema, PostSchema, PublicationSchema, TagSchema
from blog_app.http import Blueprint
from blog_app.http.keys import named
from blog_app.slugs import slug_of

categories = Blueprint("categories", database=databases.blog)
tags = Blueprint("tags", database=databases.blog)
posts = Blueprint("posts", database=databases.blog)


def category_at(key: str) -> Any:
    return named(Category, key)


def tag_at(key: str) -> Any:
    return named(Tag, key)


def post_at(key: str) -> Any:
    return named(Post, key)


@categories.lists("", CategorySchema)
def list_categories() -> Any:
    """List the categories, by name."""
    return allowed(Category)


@categories.shows("/<key>", CategorySchema)
def show_category(key: str) -> Any:
    """Show a category, by its identifier or slug."""
    return category_at(key)


@categories.creates("", CategorySchema)
def create_category(name: str, description: str) -> Category:
    """Create a category."""
    return Category.create(name=name, slug=slug_of(name, 100), description=description)


@categories.changes("/<key>", CategorySchema, load=category_at)
def change_category(category: Category, **values: Any) -> Category:
    """Change a category; its slug stays."""
    category.change(**values)
    return category


@categories.deletes("/<key>", load=category_at)
def delete_category(category: Category) -> None:
    """Delete a category; its posts stay, without one."""
    category.delete_instance()


@tags.lists("", TagSchema)
def list_tags() -> Any:
    """List the tags, by name."""
    return allowed(Tag)


@tags.shows("/<key>", TagSchema)
def show_tag(key: str) -> Any:
    """Show a tag, by its identifier or slug."""
    return tag_at(key)


@tags.creates("", TagSchema)
def create_tag(name: str) -> Tag:
    """Create a tag."""
    return Tag.create(name=name, slug=slug_of(name, 60))


@tags.changes("/<key>", TagSchema, load=tag_at)
def change_tag(tag: Tag, **values: Any) -> Tag:
    """Change a tag; its slug stays."""
    tag.change(**values)
    return tag


@tags.deletes("/<key>", load=tag_at)
def delete_tag(tag: Tag) -> None:
    """Delete a tag, and take it off all posts."""
    tag.delete_instance()


@posts.lists("", PostSchema)
def list_posts() -> Any:
    """List the posts that are out, the newest first; authors see their own drafts too, editors everything."""
    return allowed(Post)


@posts.shows("/<key>", PostSchema)
def show_post(key: str) -> Any:
    """Show a post, by its identifier or slug."""
    return post_at(key)


@posts.creates("", PostSchema)
def create_post(**values: Any) -> Post:
    """Write a post; it is a draft until it is published."""
    return actions.write(identity().user_id, **values)


@posts.changes("/<key>", PostSchema, load=post_at)
def change_post(post: Post, **values: Any) -> Post:
    """Change a post; its slug stays."""
    return actions.edit(post, **values)


@posts.deletes("/<key>", load=post_at)
def delete_post(post: Post) -> None:
    """Delete a post."""
    post.delete_instance()


@posts.does("PUT", "/<key>/publication", takes=PublicationSchema, answers=PostSchema, load=post_at)
def publish_post(post: Post, published_at: datetime | None) -> Post:
    """Publish a post, now or at a time to come."""
    return actions.publish(post, published_at)


@posts.does("DELETE", "/<key>/publication", answers=PostSchema, load=post_at)
def unpublish_post(post: Post) -> Post:
    """Take a post back: it is a draft again."""
    return actions.unpublish(post)
