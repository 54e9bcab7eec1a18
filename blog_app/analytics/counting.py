"""Page view counting: which reads count as page views, and what is stored of them.

The rules are in docs/reference/page-views.md. The blog's own hosts, which are not stored: the requested one, those of
SITE_URL and CORS_ORIGINS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from time import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from uuid_utils.compat import uuid7

from blog_app.analytics import visitors
from blog_app.analytics.bots import is_bot
from blog_app.api.client_address import address_behind
from blog_app.config import Settings
from blog_app.permissions import Scope

MAX_HEADER_LENGTH = 400
"""Characters; longer headers are cut."""
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class BufferedRead(NamedTuple):
    """A read of a post that waits in the buffer, for about a second."""

    at: float
    post_and_author: tuple[str, ...]
    """Their ids."""
    address: str
    forwarded: str
    agent: str
    referrer: str
    host: str


def buffered_read(post_and_author: tuple[str, ...], scope: Scope, environ: dict[str, Any]) -> BufferedRead | None:
    """Return what to buffer of a read, None if it is no page view. This is all the work done in the request."""
    get = environ.get
    if scope is not Scope.PUBLIC or environ["REQUEST_METHOD"] != "GET" or "prefetch" in get("HTTP_SEC_PURPOSE", ""):
        return None
    return BufferedRead(
        time(),
        post_and_author,
        get("REMOTE_ADDR", ""),
        get("HTTP_X_FORWARDED_FOR", "")[-MAX_HEADER_LENGTH:],
        get("HTTP_USER_AGENT", "")[:MAX_HEADER_LENGTH],
        get("HTTP_REFERER", "")[:MAX_HEADER_LENGTH],
        get("HTTP_HOST", "")[:MAX_HEADER_LENGTH],
    )


class PageViewCounter:
    """Turns buffered reads into rows of `page_views`."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = settings.proxies
        self._own_hosts = {
            host for url in (settings.site_url, *settings.cors_origins) if url and (host := host_of(url))
        }

    def rows(self, reads: list[BufferedRead], salt_of: Callable[[date], bytes | None]) -> list[dict[str, str | None]]:
        """Return the rows, as JSON values, of those reads that are not by bots."""
        return [self._row(read, salt_of(visitors.day_of(read.at))) for read in reads if not is_bot(read.agent)]

    def _row(self, read: BufferedRead, salt: bytes | None) -> dict[str, str | None]:
        post_id, author_id = read.post_and_author
        address = address_behind(self._proxies, read.address, read.forwarded)
        return {
            "id": str(uuid7()),
            "viewed_at": datetime.fromtimestamp(read.at, UTC).isoformat(),
            "post_id": post_id,
            "author_id": author_id,
            "referrer": self._referrer(read),
            "visitor": visitors.visitor_hash(salt, address, read.agent).hex() if salt else None,
        }

    def _referrer(self, read: BufferedRead) -> str | None:
        host = host_of(read.referrer)
        return None if host in self._own_hosts or host == host_of(f"//{read.host}") else host


@lru_cache(maxsize=4096)
def host_of(url: str) -> str | None:
    """Return the host of an http(s) URL, without port and `www.`; None if it has no valid one."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https", "") and HOST.fullmatch(host) else None
