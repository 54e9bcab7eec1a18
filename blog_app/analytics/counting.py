"""What is a page view: which requests count, and what is kept of them.

* A view is a GET of one post that was answered with the post (200), or that it has not changed (304): a browser that
  asks again has it on the screen again. It does not matter whether the view function, a replica or the cache answered,
  nor how much of the post was asked for (`fields`). HEAD, errors and redirects to a new slug are none.
* Readers count, signed in or not. Authors, editors and admins do not: theirs are previews, and looks at one's own work.
* Robots do not count, nor whoever sends no user agent (the list is `crawler-user-agents`, which the community keeps; it
  has tools like curl, too), nor what a browser fetches in case somebody might want it.
* Of the referrer only the host is kept, and not that of the blog itself (the host that was asked, SITE_URL and
  CORS_ORIGINS). A site that asks in its readers' stead should pass on their `User-Agent`, `Referer` and
  `X-Forwarded-For` (PROXIES).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from time import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import crawleruseragents
from uuid_utils.compat import uuid7

from blog_app.analytics import visitors
from blog_app.config import Settings
from blog_app.permissions import Scope

LONGEST = 400
"""Characters of a header that are looked at."""
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class Read(NamedTuple):
    """What the process remembers of a read until it is counted, for a second or so."""

    at: float
    about: tuple[str, ...]
    """The post and its author."""
    address: str
    forwarded: str
    agent: str
    referrer: str
    host: str


def read_of(about: tuple[str, ...], scope: Scope, environ: dict[str, Any]) -> Read | None:
    """Return what to remember of a read, None if it is no view. This is all that a request pays for."""
    get = environ.get
    if scope is not Scope.PUBLIC or environ["REQUEST_METHOD"] != "GET" or "prefetch" in get("HTTP_SEC_PURPOSE", ""):
        return None
    return Read(
        time(),
        about,
        get("REMOTE_ADDR", ""),
        get("HTTP_X_FORWARDED_FOR", "")[-LONGEST:],
        get("HTTP_USER_AGENT", "")[:LONGEST],
        get("HTTP_REFERER", "")[:LONGEST],
        get("HTTP_HOST", "")[:LONGEST],
    )


class Counter:
    """Makes the rows of `page_views` out of reads."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = settings.proxies
        self._own = {host for url in (settings.site_url, *settings.cors_origins) if url and (host := host_of(url))}

    def rows(self, reads: list[Read], salt_of: Callable[[date], bytes | None]) -> list[dict[str, str | None]]:
        """Return the rows, as JSON has them, of those reads that are views."""
        return [self._row(read, salt_of(visitors.day_of(read.at))) for read in reads if not is_robot(read.agent)]

    def _row(self, read: Read, salt: bytes | None) -> dict[str, str | None]:
        post_id, author_id = read.about
        return {
            "id": str(uuid7()),
            "viewed_at": datetime.fromtimestamp(read.at, UTC).isoformat(),
            "post_id": post_id,
            "author_id": author_id,
            "referrer": self._referrer(read),
            "visitor": visitors.visitor(salt, self._address(read), read.agent).hex() if salt else None,
        }

    def _referrer(self, read: Read) -> str | None:
        host = host_of(read.referrer)
        return None if host in self._own or host == host_of(f"//{read.host}") else host

    def _address(self, read: Read) -> str:
        """Return the reader's address: what the proxies that we trust have appended, as ProxyFix finds it."""
        forwarded = [each.strip() for each in read.forwarded.split(",")]
        if not self._proxies or len(forwarded) < self._proxies:
            return read.address
        return forwarded[-self._proxies] or read.address


@lru_cache(maxsize=4096)
def is_robot(agent: str) -> bool:
    """Tell whether a user agent is a robot's, or nobody's."""
    return not agent or crawleruseragents.is_crawler(agent)


@lru_cache(maxsize=4096)
def host_of(url: str) -> str | None:
    """Return the host of a web address, without port and `www.`; None if it has none that could be."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https", "") and HOST.fullmatch(host) else None
