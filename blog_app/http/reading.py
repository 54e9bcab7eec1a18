"""How a GET is answered: from the cache, by a replica, or by the primary, as its view declares (`blog_app.cache`).

What a request depends on is its view's declaration, the schema's model, and the models of the includes it asks for.
That is worked out once for each query string, so a hit parses nothing: it is one MGET, in which the caller's token
rides too.

An answer that is kept is shared by everybody with the same scope, PUBLIC or ALL; while it is produced nobody knows who
asks. What depends on the caller is not kept: what the scope OWN shows, and all that somebody sees who is blocked by, or
blocks, somebody.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache as once
from functools import partial, wraps
from typing import Any, NamedTuple, cast
from uuid import UUID

from flask import Response, current_app, g, request

from blog_app import auth, cache, watermarks
from blog_app.cache import Answer, Reads
from blog_app.config import ROOT, settings
from blog_app.databases import routing
from blog_app.databases.collections import named_like, read_by
from blog_app.http import etag, seen
from blog_app.http.early import LONGEST_ADDRESS, Early
from blog_app.http.operation import Operation
from blog_app.http.schema import shared
from blog_app.identities import Identity
from blog_app.permissions import Scope
from blog_app.watermarks import reading
from blog_app.watermarks.reading import Wanted

SHARED = (Scope.PUBLIC, Scope.ALL)
MOST_PLANS = 5_000
LONGEST_NAME = 300


class Plan(NamedTuple):
    """What the requests with one query string to one endpoint depend on."""

    collections: tuple[tuple[str, str], ...]
    by_row: tuple[Any, ...]
    """Models of which only the row counts that the path names, if it names one by its key."""


_plans: dict[tuple[str, bytes], Plan] = {}


def answer(
    operation: Operation,
    values: dict[str, Any],
    includes: Callable[[], tuple[str, ...]],
    produce: Callable[[], Answer],
) -> Response:
    """Return the response to a GET. `includes` parses the query string and returns what it asks to include."""
    result, how = _found(operation, values, includes, produce)
    seen.tell(current_app, operation.endpoint, result, g.scope, request.environ)
    return respond(result, how)


def _found(
    operation: Operation,
    values: dict[str, Any],
    includes: Callable[[], tuple[str, ...]],
    produce: Callable[[], Answer],
) -> tuple[Answer, str]:
    """Return the answer, and how it came about; empty if its view says nothing about that."""
    declared = cache.reads_of(operation.view)
    if declared is None:
        auth.authorize(current_app, operation.endpoint)
        return produce(), ""
    planned = plan = _plans.get((operation.endpoint, request.query_string))
    if plan is None:
        auth.authorize(current_app, operation.endpoint)  # Who may not ask is not told what was wrong with the question.
        plan = _plan(operation, declared, includes())
    collections = _collections(plan, declared, values)
    entries: dict[Scope, Wanted] = {}

    def wanted(scope: Scope, identity: Identity | None) -> Wanted | None:
        if not declared.kept or scope not in SHARED or (identity and identity.apart):
            return None
        if scope not in entries:
            entries[scope] = Wanted(collections, _name(scope))
        return entries[scope]

    found = auth.authorize(current_app, operation.endpoint, wanted) if planned else None
    entry = wanted(g.scope, g.identity)
    if entry is None:
        collections += tuple(pair for model in declared.by_caller for pair in read_by(model))
        return reading.read(watermarks.keeper, collections, _watched(produce, collections)), "bypass"
    if not planned:
        (found,) = cache.glance(entry)
    with auth.nobody():
        result, how = cache.answer(operation.endpoint, found, entry, _watched(produce, collections), declared)
    if how == "hit":
        shared_entries = {scope: Wanted(collections, _name(scope)) for scope in SHARED}
        cast(Early, current_app.extensions["early"]).remember(request, operation.endpoint, shared_entries)
    return result, how


def kept(produce: Callable[..., Answer]) -> Callable[..., Response]:
    """Make a view of a function that declares what it reads and answers everybody alike, outside the API."""
    declared = cache.reads_of(produce)
    assert declared
    collections = tuple(dict.fromkeys(pair for model in declared.models for pair in read_by(model)))

    @wraps(produce)
    def view(**values: Any) -> Response:
        wanted = Wanted(collections, f"{_name(Scope.PUBLIC)} {request.host_url}")
        (found,) = cache.glance(wanted)
        watched = _watched(partial(produce, **values), collections)
        return respond(*cache.answer(str(request.endpoint), found, wanted, watched, declared))

    return view


def respond(found: Answer, how: str = "") -> Response:
    """Return the response that `found` makes, or 304 if the caller has it already."""
    response = Response(found.body, content_type=found.content_type)
    if found.link:
        response.headers.add("Link", found.link)
    if how:
        response.headers.add("X-Cache", how)
    if how == "hit":
        response.headers.add("Age", str(max(0, int(time.time() - found.stored))))
    return etag.tagged(response, found.etag)


def _plan(operation: Operation, declared: Reads, includes: tuple[str, ...]) -> Plan:
    assert operation.answers
    options = shared(operation.answers).opts
    models = [options.model, *declared.models]
    for name in includes:
        models += options.includes[name].reads
    # Rows that are named like the row which is shown: it, and what belongs to it or what it belongs to.
    alike = [model for model in models if declared.row and named_like(model) is named_like(options.model)]
    pairs = [pair for model in models if model not in alike for pair in read_by(model)]
    plan = Plan(tuple(dict.fromkeys(pairs)), tuple(dict.fromkeys(alike)))
    if len(request.query_string) <= LONGEST_ADDRESS:
        if len(_plans) >= MOST_PLANS:
            _plans.clear()
        _plans[operation.endpoint, request.query_string] = plan
    return plan


def _collections(plan: Plan, declared: Reads, values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if not plan.by_row:
        return plan.collections
    assert declared.row
    row = values[declared.row]
    if isinstance(row, str):
        try:
            row = UUID(row)
        except ValueError:  # Named by something else, such as its slug: any row may be, or become, the one.
            row = None
    return plan.collections + tuple(pair for model in plan.by_row for pair in read_by(model, row))


def _name(scope: Scope) -> str:
    name = f"{_release()} {scope:d} {request.path}?{request.query_string.decode('latin-1')}"
    return name if len(name) <= LONGEST_NAME else f"{_release()} {hashlib.blake2b(name.encode()).hexdigest()}"


@once
def _release() -> str:
    """Return a name for the code that runs: another may render the same rows differently."""
    found = hashlib.blake2b(digest_size=6)
    for path in sorted((ROOT / "blog_app").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _watched(produce: Callable[[], Answer], collections: tuple[tuple[str, str], ...]) -> Callable[[], Answer]:
    """In a test run, let `produce` fail if it reads what is not among the collections."""
    if settings().mode != "test":
        return produce

    def watched() -> Answer:
        with routing.noted() as statements:
            result = produce()
        cache.require_declared(statements, collections)
        return result

    return watched
