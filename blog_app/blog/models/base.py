"""The base class of the blog's models."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.data.models import Record


class BlogRecord(Record):
    """A record of the blog database."""

    class Meta:
        database = databases.blog
        schema = "blog"
