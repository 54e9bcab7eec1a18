"""Full-text search: what a list does with `?q=`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import peewee


@dataclass(frozen=True)
class Search:
    """How the rows of a resource are found by words."""

    narrow: Callable[[peewee.ModelSelect, str], peewee.ModelSelect]
    """Returns what is left of a query when only rows that match the words count."""
    fields: tuple[str, ...] = ()
    """Fields that a representation has in a search only, such as how well a row matches; they are sortable."""
    sort: tuple[str, ...] = ()
    """The order of a search that asks for none; empty: the order of the list."""
