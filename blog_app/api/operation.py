"""An operation, one method on one path as a blueprint declares it; and a read request, one GET of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from blog_app.api.requests.uploads import Upload
from blog_app.api.resources.schema import Schema
from blog_app.data.cache import Representation
from blog_app.data.databases import LogicalDatabase
from blog_app.data.watermarks.lookup import CacheKey
from blog_app.permissions import Scope

View = Callable[..., Any]


@dataclass(frozen=True)
class Variant:
    """What a POST is to callers with the scope ALL: another view with another body, which creates the record."""

    view: View
    body: type[Schema]
    response: type[Schema]
    status: int = 201


@dataclass(frozen=True)
class Operation:
    """One method on one path, as it is routed, run and documented."""

    endpoint: str
    method: str
    path: str
    view: View
    database: LogicalDatabase
    body: type[Schema] | None = None
    """The schema of the request's body."""
    response: type[Schema] | None = None
    """The schema of the representation in the response."""
    is_list: bool = False
    render: Callable[[ReadRequest], Representation] | None = None
    """Renders the response to a GET of a list or an item."""
    parameters: type[Schema] | None = None
    """The query parameters that it has besides those of every list or item."""
    load: View | None = None
    """Returns the query for the record that the path names; it takes what it needs of the path, the view the rest."""
    parent: View | None = None
    """Returns the query for the resource that a list belongs to: if there is none, the list is a 404."""
    redirect_key: View | None = None
    """Returns the key under which an item that is not found here is found now, or None."""
    store: Callable[[Upload], Any] | None = None
    """Stores the uploaded file, before anything is loaded."""
    is_download: bool = False
    """Whether the response is a file."""
    status: int = 200
    atomic: bool = True
    """Whether the view runs in one transaction of its database."""
    secret: bool = False
    """Whether the response holds a secret, and must be stored nowhere."""
    for_all: Variant | None = None
    """What it is to callers with the scope ALL, if that is something else."""

    def at(self, scope: Scope) -> Operation:
        """Return the operation as it is to callers with this scope."""
        return replace(self, **vars(self.for_all)) if self.for_all and scope is Scope.ALL else self

    @property
    def rule_endpoint(self) -> str:
        """Flask's name of the route: PUT and PATCH share a view, and Flask wants an endpoint each."""
        return f"{self.endpoint}:patch" if self.method == "PATCH" else self.endpoint

    @property
    def replayable(self) -> bool:
        """Whether an `Idempotency-Key` is honoured: on POST, unless the response may not be stored.

        A view that is slow (it hashes, or sends mail) holds no transaction in which it could be stored.
        """
        return self.method == "POST" and self.atomic and not self.secret


@dataclass(slots=True)
class ReadRequest:
    """One GET of a list or an item, as far as it does not depend on the caller."""

    operation: Operation
    values: dict[str, Any]
    """The values of the path's variables."""
    path: str
    query_string: bytes
    collections: tuple[tuple[str, str], ...] | None = None
    """The collections that its responses depend on; None until an authorized caller has asked."""
    per_caller: bool = False
    """Whether the responses to signed-in callers differ; known with the collections."""
    keys: dict[tuple[Scope, bool], CacheKey] = field(default_factory=dict)
    """The cache key for each scope in which a caller has asked, compressed or not."""
