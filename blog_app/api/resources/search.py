"""Full-text search of a list, `?q=`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import peewee


@dataclass(frozen=True)
class Search:
    """How a list is searched."""

    filter: Callable[[peewee.ModelSelect, str], peewee.ModelSelect]
    """Takes a query and the search text; returns the query for the rows that match."""
    fields: tuple[str, ...] = ()
    """Sortable fields that only search results have, such as a rank."""
    sort: tuple[str, ...] = ()
    """The default order of search results; empty: that of the list."""
