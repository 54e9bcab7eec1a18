"""The endpoints of authors: their public pages."""

from __future__ import annotations

from typing import Any

from blog_app.accounts.models import Author, Profile, RoleGrant, User
from blog_app.accounts.schemas import AuthorSchema
from blog_app.api import Blueprint
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.uuids import parse_uuid

authors = Blueprint("authors", database=databases.accounts)


@authors.lists("", AuthorSchema)
@hot(User, Profile, RoleGrant)
def list_authors() -> Any:
    """List authors, those with the most public posts first."""
    return Author.public()


@authors.shows("/<key>", AuthorSchema)
@hot(User, Profile, RoleGrant, row="key")
def show_author(key: str) -> Any:
    """Retrieve an author by slug or user id. Their posts: `GET /users/{user_id}/posts`."""
    user_id = parse_uuid(key)
    return Author.public().where(Author.slug == key if user_id is None else Author.user == user_id)
