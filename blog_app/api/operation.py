"""What an operation is: one method on one path, as a blueprint declares it; and an address: one GET of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blog_app.api.requests.uploads import Upload
from blog_app.api.resources.schema import Schema
from blog_app.data.cache import Answer
from blog_app.data.databases import LogicalDatabase
from blog_app.data.watermarks.reading import Wanted
from blog_app.permissions import Scope

View = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    """One method on one path, as it is routed, run and documented."""

    endpoint: str
    method: str
    path: str
    view: View
    database: LogicalDatabase
    takes: type[Schema] | None = None
    """The schema of the body."""
    answers: type[Schema] | None = None
    """The schema of the representation that is answered."""
    many: bool = False
    produce: Callable[[Address], Answer] | None = None
    """Makes the answer to a GET of a list or an item."""
    parameters: type[Schema] | None = None
    """The query parameters that it has besides those of every list or item."""
    load: View | None = None
    """Returns the query for the record that the path names; it takes what it needs of the path, the view the rest."""
    under: View | None = None
    """Returns the query for what a list belongs to: if that is not there, the list is a 404."""
    moved: View | None = None
    """Returns the key under which an item that is not here is found now, or None."""
    keep: Callable[[Upload], Any] | None = None
    """Keeps the file that is the body, before anything is loaded."""
    answers_file: bool = False
    """Whether the answer is a file."""
    status: int = 200
    atomic: bool = True
    """Whether the view runs in one transaction of its database."""
    secret: bool = False
    """Whether the answer holds a secret, and must be stored nowhere."""
    tag: str = field(default="", compare=False)

    @property
    def rule_endpoint(self) -> str:
        """Flask's name of the route: PUT and PATCH share a view, and Flask wants an endpoint each."""
        return f"{self.endpoint}:patch" if self.method == "PATCH" else self.endpoint

    @property
    def replayable(self) -> bool:
        """Whether an `Idempotency-Key` is honoured: on POST, unless the answer may not be stored.

        A view that is slow (it hashes, or sends mail) holds no transaction in which it could be stored.
        """
        return self.method == "POST" and self.atomic and not self.secret


@dataclass(slots=True)
class Address:
    """One GET of a list or an item, as far as it does not depend on who asks."""

    operation: Operation
    values: dict[str, Any]
    """Those of the path."""
    path: str
    query_string: bytes
    collections: tuple[tuple[str, str], ...] | None = None
    """On what its answers depend; None until somebody who may ask has asked."""
    entries: dict[Scope, Wanted] = field(default_factory=dict)
    """The kept answer for each scope that somebody has asked in."""
