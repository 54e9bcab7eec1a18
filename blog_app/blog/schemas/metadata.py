"""The metadata of a post: free-form keys, and read-only computed ones (views, likes, reading time)."""

from __future__ import annotations

from typing import Any

import orjson
import peewee
from marshmallow import ValidationError

from blog_app.api.resources.fields import JsonObject
from blog_app.blog.models import Post, PostCounters

COMPUTED = ("views", "likes", "reading_time")
MAX_BYTES = 10_000

_counters = PostCounters.select(
    peewee.fn.jsonb_build_object("views", PostCounters.views, "likes", PostCounters.likes)
).where(PostCounters.post == Post.id)
_no_counters = peewee.SQL("""'{"views": 0, "likes": 0}'::jsonb""")
_computed = peewee.fn.jsonb_build_object("reading_time", Post.reading_time)

METADATA = Post.metadata.concat(peewee.fn.coalesce(_counters, _no_counters)).concat(_computed)


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
