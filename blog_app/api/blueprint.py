"""A Flask blueprint whose routes say what they do: lists, shows, creates, changes, deletes, uploads, and so on.

    blueprint = Blueprint("tags", database=databases.blog)

    @blueprint.lists("", TagSchema)
    def list_tags():
        "List the tags."
        return allowed(Tag)

A view returns a query (lists and shows), or acts and returns the record (everything else). Everything around it is
here once: authorization, parsing, the transaction, loading with 404 and ownership, preconditions, the representation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import marshmallow
from flask.typing import ResponseReturnValue

from blog_app.api.execution import reads, writes
from blog_app.api.operation import Operation, Variant, View
from blog_app.api.requests.uploads import Upload
from blog_app.api.resources.schema import Schema, readable_columns, writable_fields
from blog_app.api.responses.rendering import render_item, render_page
from blog_app.data.databases import LogicalDatabase


class Blueprint(flask.Blueprint):
    """The resources under one prefix, in one logical database."""

    def __init__(self, name: str, *, database: LogicalDatabase, prefix: str | None = None) -> None:
        super().__init__(name, __name__, url_prefix=f"/{name}" if prefix is None else prefix)
        self.database = database
        self.operations: list[Operation] = []

    def lists(
        self, path: str, schema: type[Schema], *, parent: View | None = None, parameters: type[Schema] | None = None
    ) -> Callable[[View], View]:
        """GET a page of the rows of the query that the view returns; 404 if their `parent` does not exist.

        The view gets the values of the query parameters that `parameters` adds to those of every list.
        """
        _require_fields(schema)
        return self._route(
            "GET",
            path,
            reads.show,
            render=render_page,
            response=schema,
            is_list=True,
            parent=parent,
            parameters=parameters,
        )

    def shows(self, path: str, schema: type[Schema], *, redirect_key: View | None = None) -> Callable[[View], View]:
        """GET the one row of the query that the view returns; else 301 to the key from `redirect_key`, or 404."""
        return self._route("GET", path, reads.show, render=render_item, response=schema, redirect_key=redirect_key)

    def computes(self, path: str, schema: type[Schema]) -> Callable[[View], View]:
        """GET a document that is no row: the view computes and returns it."""
        return self._route("GET", path, reads.compute, response=schema)

    def downloads(self, path: str, *, load: View) -> Callable[[View], View]:
        """GET a file: the view gets the record, which is not locked, and returns a `Download`."""
        return self._route("GET", path, reads.download, is_download=True, load=load)

    def creates(
        self,
        path: str,
        schema: type[Schema],
        *,
        response: type[Schema] | None = None,
        load: View | None = None,
        atomic: bool = True,
        secret: bool = False,
    ) -> Callable[[View], View]:
        """POST: the view gets the validated body as keyword arguments and returns the new record; 201.

        A parent in which it is created is named by `load`: the view gets it first, locked, and the caller's own.
        """
        return self._route(
            "POST",
            path,
            writes.run_action,
            body=schema,
            response=response or schema,
            load=load,
            status=201,
            atomic=atomic,
            secret=secret,
        )

    def changes(
        self, path: str, schema: type[Schema], *, response: type[Schema] | None = None, load: View
    ) -> Callable[[View], View]:
        """PUT and PATCH: the view gets the loaded record and all its writable fields, validated."""
        _require_defaults(schema)

        def decorate(view: View) -> View:
            for method, run in (("PUT", writes.run_action), ("PATCH", writes.patch)):
                self._route(method, path, run, body=schema, response=response or schema, load=load)(view)
            return view

        return decorate

    def deletes(self, path: str, *, load: View | None = None) -> Callable[[View], View]:
        """DELETE: the view gets the loaded record (or the path's values); 204."""
        return self._route("DELETE", path, writes.run_action, load=load, status=204)

    def acts(
        self,
        method: str,
        path: str,
        *,
        body: type[Schema] | None = None,
        response: type[Schema] | None = None,
        load: View | None = None,
        status: int | None = None,
        atomic: bool = True,
        for_all: Variant | None = None,
    ) -> Callable[[View], View]:
        """Any other action on a resource, such as PUT …/publication.

        Without `status`, 200 with a representation and 204 without one. `for_all`: what it is to callers with the scope
        ALL, if that is something else.
        """
        return self._route(
            method,
            path,
            writes.run_action,
            body=body,
            response=response,
            load=load,
            status=status or (200 if response else 204),
            atomic=atomic,
            for_all=for_all,
        )

    def uploads(
        self,
        method: str,
        path: str,
        schema: type[Schema],
        *,
        store: Callable[[Upload], Any],
        parameters: type[Schema] | None = None,
        load: View | None = None,
    ) -> Callable[[View], View]:
        """POST or PUT a file, as the raw body or as the one file of a form.

        `store` stores it first in the transaction: it takes its time, and must not hold a record locked. The view gets
        what `store` returns as `stored`, and the values of the query parameters, and returns the record.
        """
        return self._route(
            method,
            path,
            writes.upload,
            store=store,
            response=schema,
            parameters=parameters,
            load=load,
            status=201 if method == "POST" else 200,
        )

    def _route(
        self, method: str, path: str, run: Callable[..., ResponseReturnValue], **options: Any
    ) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            name = view.__name__
            operation = Operation(f"{self.name}.{name}", method, path, view, self.database, **options)
            self.operations.append(operation)

            def handle(**values: Any) -> ResponseReturnValue:
                return run(operation, values)

            self.add_url_rule(path, operation.rule_endpoint.partition(".")[2], handle, methods=[method])
            return view

        return decorate


def operations_of(app: flask.Flask) -> Iterator[Operation]:
    """Yield every operation of the app's blueprints, in the order of registration."""
    for blueprint in app.blueprints.values():
        if isinstance(blueprint, Blueprint):
            yield from blueprint.operations


def _require_fields(schema: type[Schema]) -> None:
    """Filters, orders and cursors read the values of fields, so each must name one that is shown."""
    options = schema.opts
    orders = [name.removeprefix("-") for name in options.sort]
    for name in (*options.filterable, *options.sortable, *orders, options.key):
        if name not in readable_columns(schema):
            raise TypeError(f"{schema.__name__} shows no field {name}, so lists cannot be filtered or sorted by it")


def _require_defaults(schema: type[Schema]) -> None:
    """PUT replaces every writable field, so each must be required or have a default."""
    for kind in schema.opts.kinds.values() or [schema]:
        for name, each in writable_fields(kind).items():
            if not each.required and each.load_default is marshmallow.missing:
                raise TypeError(f"{kind.__name__}.{name} is writable, so it must be required or have a load_default")
