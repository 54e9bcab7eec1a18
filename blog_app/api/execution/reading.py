"""How a GET is answered: from the cache, by a replica, or by the primary, as its view declares (`blog_app.data.cache`).

What a request depends on is its view's declaration, the schema's model, and the models of the includes it asks for.
That is worked out once for each query string, so a hit parses nothing: it is one MGET, in which the caller's token
rides too.

An answer that is kept is shared by everybody with the same scope, PUBLIC or ALL; while it is produced nobody knows who
asks. What depends on the caller is not kept: what the scope OWN shows, and all that somebody sees who is blocked by, or
blocks, somebody.

Nothing here needs Flask's context: `http.early` and a view of Flask's call the same function.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache as once
from functools import partial, wraps
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, request

from blog_app.api import auth
from blog_app.api.operation import Address
from blog_app.api.resources.schema import schema_instance
from blog_app.api.responses import answers, etag
from blog_app.api.token_cache import Identity
from blog_app.config import ROOT, Settings
from blog_app.data import cache, watermarks
from blog_app.data.cache import Answer, Reads
from blog_app.data.cache_counters import counters
from blog_app.data.databases import routing
from blog_app.data.databases.dependencies import read_dependencies, row_key_model
from blog_app.data.uuids import parse_uuid
from blog_app.data.watermarks import reading
from blog_app.data.watermarks.reading import Wanted
from blog_app.permissions import Scope

SHARED = (Scope.PUBLIC, Scope.ALL)
MOST_PLANS = 5_000
LONGEST_QUERY_STRING = 500
LONGEST_NAME = 300


class Plan(NamedTuple):
    """What the requests with one query string to one endpoint depend on."""

    collections: tuple[tuple[str, str], ...]
    by_row: tuple[Any, ...]
    """Models of which only the row counts that the path names, if it names one by its key."""


_plans: dict[tuple[str, bytes], Plan] = {}


def answer(app: Flask, address: Address, authorization: str | None) -> tuple[Answer, str]:
    """Return the answer to a GET, and how it came about: hit, miss, bypass, or empty if its view does not say.

    `authorization` is the header. Raises what is wrong with it or with the arguments, and whatever the view raises.
    """
    operation = address.operation
    assert operation.produce
    declared = cache.reads_of(operation.view)
    if declared is None:
        auth.authorize(app, operation.endpoint, authorization)
        return operation.produce(address), ""
    if watermarks.keeper is None:  # Nothing is kept, and nothing could say how far a replica must be.
        auth.authorize(app, operation.endpoint, authorization)
        with auth.nobody() if _is_shared(declared, auth.scope(), auth.caller()) else nullcontext():
            return operation.produce(address), "bypass"

    def wanted(scope: Scope, identity: Identity | None) -> Wanted | None:
        if not _is_shared(declared, scope, identity):
            return None
        return address.entries.get(scope) or _entry(address, scope)

    if planned := address.collections is not None or (operation.endpoint, address.query_string) in _plans:
        address.collections = address.collections or _collections(address, declared)
        found = auth.authorize(app, operation.endpoint, authorization, wanted)
    else:
        auth.authorize(app, operation.endpoint, authorization)
        # Who may not ask is not told what was wrong with the question.
        address.collections = _collections(address, declared)
    entry = wanted(auth.scope(), auth.caller())
    produce = partial(operation.produce, address)
    if entry is None:
        counters.bypass(operation.endpoint)
        depends = address.collections + tuple(pair for model in declared.by_caller for pair in read_dependencies(model))
        return reading.read(watermarks.keeper, depends, _watched(app, produce, depends)), "bypass"
    if not planned:
        (found,) = cache.glance(entry)
    with auth.nobody():
        return cache.answer(operation.endpoint, found, entry, _watched(app, produce, entry.collections), declared)


def kept(produce: Callable[..., Answer]) -> Callable[..., Response]:
    """Make a view of a function that declares what it reads and answers everybody alike, outside the API."""
    declared = cache.reads_of(produce)
    assert declared
    collections = tuple(dict.fromkeys(pair for model in declared.models for pair in read_dependencies(model)))

    @wraps(produce)
    def view(**values: Any) -> Response:
        wanted = Wanted(collections, f"{_name(Scope.PUBLIC, request.path, request.query_string)} {request.host_url}")
        (found,) = cache.glance(wanted)
        watched = _watched(current_app, partial(produce, **values), collections)
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
        response.headers.add("Age", age(found))
    return etag.with_etag(response, found.etag)


def age(found: Answer) -> str:
    """Return how many seconds ago a kept answer was read."""
    return str(max(0, int(time.time() - found.stored)))


def _is_shared(declared: Reads, scope: Scope, identity: Identity | None) -> bool:
    return declared.kept and scope in SHARED and not (identity and identity.apart)


def _collections(address: Address, declared: Reads) -> tuple[tuple[str, str], ...]:
    key = address.operation.endpoint, address.query_string
    plan = _plans.get(key)
    if plan is None:
        plan = _plan(address, declared)
        if len(address.query_string) <= LONGEST_QUERY_STRING:
            if len(_plans) >= MOST_PLANS:
                _plans.clear()
            _plans[key] = plan
    if not plan.by_row:
        return plan.collections
    assert declared.row
    row = address.values[declared.row]
    if isinstance(row, str):
        row = parse_uuid(row)  # None: a slug, and any row may have it, or get it.
    return plan.collections + tuple(pair for model in plan.by_row for pair in read_dependencies(model, row))


def _plan(address: Address, declared: Reads) -> Plan:
    assert address.operation.answers
    options = schema_instance(address.operation.answers).opts
    models = [options.model, *declared.models]
    for name in answers.includes(address):
        models += options.includes[name].reads
    # Rows that are named like the row which is shown: it, and what belongs to it or what it belongs to.
    alike = [model for model in models if declared.row and row_key_model(model) is row_key_model(options.model)]
    pairs = [pair for model in models if model not in alike for pair in read_dependencies(model)]
    return Plan(tuple(dict.fromkeys(pairs)), tuple(dict.fromkeys(alike)))


def _entry(address: Address, scope: Scope) -> Wanted:
    assert address.collections is not None
    wanted = address.entries[scope] = Wanted(address.collections, _name(scope, address.path, address.query_string))
    return wanted


def _name(scope: Scope, path: str, query_string: bytes) -> str:
    name = f"{_release()} {scope:d} {path}?{query_string.decode('latin-1')}"
    return name if len(name) <= LONGEST_NAME else f"{_release()} {hashlib.blake2b(name.encode()).hexdigest()}"


@once
def _release() -> str:
    """Return a name for the code that runs: another may render the same rows differently."""
    found = hashlib.blake2b(digest_size=6)
    for path in sorted((ROOT / "blog_app").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _watched(
    app: Flask, produce: Callable[[], Answer], collections: tuple[tuple[str, str], ...]
) -> Callable[[], Answer]:
    """In a test run, let `produce` fail if it reads what is not among the collections."""
    settings: Settings = app.config["SETTINGS"]
    if settings.mode != "test":
        return produce

    def watched() -> Answer:
        with routing.recorded_statements() as statements:
            result = produce()
        cache.require_declared(statements, collections)
        return result

    return watched
