"""The metadata of a post, free-form keys and read-only computed ones, and the counters of a post."""

from __future__ import annotations

from typing import Any

import orjson
import peewee
from marshmallow import ValidationError

from blog_app.api.resources.fields import JsonObject
from blog_app.api.resources.schema import Extension
from blog_app.blog.models import Post, PostCounters

COMPUTED = ("views", "likes", "reading_time")
MAX_BYTES = 10_000


def counter(column: peewee.Field) -> peewee.Node:
    """Return a counter of the joined `COUNTERS`, 0 for a post without any."""
    return peewee.fn.coalesce(column, peewee.SQL("0"))


_computed = peewee.fn.jsonb_build_object(
    "views", counter(PostCounters.views), "likes", counter(PostCounters.likes), "reading_time", Post.reading_time
)
METADATA = Post.metadata.concat(_computed)
COUNTED = {"comments_count": counter(PostCounters.comments), "likes_count": counter(PostCounters.likes)}
ORDERS = {"views": PostCounters.views, "likes": PostCounters.likes}
COUNTERS = Extension(PostCounters.post, ("metadata", *COUNTED, *ORDERS))


class Metadata(JsonObject):
    """A free-form JSON object, without the computed keys."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        result = super()._deserialize(value, attr, data, **kwargs)
        taken = {name: ["This key is computed and read-only."] for name in COMPUTED if name in result}
        if taken:
            raise ValidationError(taken)
        if len(orjson.dumps(result)) > MAX_BYTES:
            raise ValidationError(f"Must not be larger than {MAX_BYTES} bytes.")
        return result
