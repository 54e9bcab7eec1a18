"""Bot detection by the user agent. The list is the community's `crawler-user-agents`, with tools like curl."""

from functools import lru_cache

import crawleruseragents


@lru_cache(maxsize=4096)
def is_bot(agent: str) -> bool:
    """Return whether a user agent is empty or a bot's."""
    return not agent or crawleruseragents.is_crawler(agent)
