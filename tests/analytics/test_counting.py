"""What counts as a page view, and what is kept of it."""

from __future__ import annotations

from tests.analytics.conftest import Counting
from tests.api import sign_up, stranger
from tests.blog.test_posts import write_post


def test_a_view_is_counted_however_it_was_answered(counting: Counting) -> None:
    post = write_post(sign_up(counting.app, "author"))
    for _ in range(4):
        counting.read(post)
    etag = stranger(counting.app).get(f"/posts/{post['slug']}", **{"User-Agent": ""}).headers["ETag"]
    counting.read(post, status=304, **{"If-None-Match": etag})
    counting.read(post, by=sign_up(counting.app))
    counting.all()
    assert (counting.stored(), counting.counter(post)) == (6, 6)
