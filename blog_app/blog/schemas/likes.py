"""Schema of likes."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.api import Schema
from blog_app.api.resources.fields import Integer


class LikeSchema(Schema):
    """Whether you like a post, and its number of likes."""

    liked = ma.Boolean(dump_only=True)
    likes = Integer(dump_only=True)
