"""Images of posts."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.api import Schema
from blog_app.api.resources.fields import String, Timestamp, Url
from blog_app.blog.models import Image


class ImageSchema(Schema):
    """An image of a post."""

    class Meta:
        model = Image
        sortable = ("created_at",)
        sort = ("id",)

    id = ma.UUID(dump_only=True)
    post_id = ma.UUID(dump_only=True)
    url = Url(required=True, metadata={"example": "https://images.example.com/kettle.jpg"})
    caption = String(max_length=500, load_default="", metadata={"example": "The kettle, before"})
    alt_text = String(
        max_length=500,
        load_default="",
        metadata={"description": "Alternative text for screen readers.", "example": "A dented copper kettle"},
    )
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
