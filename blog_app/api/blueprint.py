"""A Flask blueprint whose routes say what they are: lists, shows, creates, changes, deletes, does, receives, sends.

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

from blog_app.api.execution import operations
from blog_app.api.operation import Operation, View
from blog_app.api.requests.uploads import Upload
from blog_app.api.resources.schema import Schema, readable_columns, schema_instance
from blog_app.api.responses import answers
from blog_app.data.databases import LogicalDatabase


class Blueprint(flask.Blueprint):
    """The resources under one prefix, in one logical database."""

    def __init__(self, name: str, *, database: LogicalDatabase, prefix: str | None = None) -> None:
        super().__init__(name, __name__, url_prefix=f"/{name}" if prefix is None else prefix)
        self.database = database
        self.operations: list[Operation] = []

    def lists(
        self, path: str, schema: type[Schema], *, under: View | None = None, parameters: type[Schema] | None = None
    ) -> Callable[[View], View]:
        """GET a page of the rows of the query that the view returns; 404 if what they are `under` does not exist.

        The view gets the values of the query parameters that `parameters` adds to those of every list.
        """
        _require_fields(schema)
        return self._route(
            "GET",
            path,
            operations.read,
            produce=answers.page,
            answers=schema,
            many=True,
            under=under,
            parameters=parameters,
        )

    def shows(self, path: str, schema: type[Schema], *, moved: View | None = None) -> Callable[[View], View]:
        """GET the one row of the query that the view returns; else 301 to where it has `moved`, or 404."""
        return self._route("GET", path, operations.read, produce=answers.item, answers=schema, moved=moved)

    def creates(
        self,
        path: str,
        schema: type[Schema],
        *,
        answers: type[Schema] | None = None,
        load: View | None = None,
        atomic: bool = True,
        secret: bool = False,
    ) -> Callable[[View], View]:
        """POST: the view gets the validated body as keyword arguments and returns the new record; 201.

        What is made inside something else names that by `load`: the view gets it first, locked, and the caller's own.
        """
        return self._route(
            "POST",
            path,
            operations.act,
            takes=schema,
            answers=answers or schema,
            load=load,
            status=201,
            atomic=atomic,
            secret=secret,
        )

    def changes(self, path: str, schema: type[Schema], *, load: View) -> Callable[[View], View]:
        """PUT and PATCH: the view gets the loaded record and all its writable fields, validated."""
        _require_defaults(schema)

        def decorate(view: View) -> View:
            for method, run in (("PUT", operations.replace), ("PATCH", operations.patch)):
                self._route(method, path, run, takes=schema, answers=schema, load=load)(view)
            return view

        return decorate

    def deletes(self, path: str, *, load: View | None = None) -> Callable[[View], View]:
        """DELETE: the view gets the loaded record (or the path's values); 204."""
        return self._route("DELETE", path, operations.act, load=load, status=204)

    def does(
        self,
        method: str,
        path: str,
        *,
        takes: type[Schema] | None = None,
        answers: type[Schema] | None = None,
        load: View | None = None,
        status: int | None = None,
        atomic: bool = True,
    ) -> Callable[[View], View]:
        """Any other act on a resource, such as PUT …/publication.

        Without `status`, 200 with a representation and 204 without one.
        """
        return self._route(
            method,
            path,
            operations.act,
            takes=takes,
            answers=answers,
            load=load,
            status=status or (200 if answers else 204),
            atomic=atomic,
        )

    def receives(
        self,
        method: str,
        path: str,
        schema: type[Schema],
        *,
        keep: Callable[[Upload], Any],
        parameters: type[Schema] | None = None,
        load: View | None = None,
    ) -> Callable[[View], View]:
        """POST or PUT a file, as the raw body or as the one file of a form.

        In the transaction `keep` stores it, first of all: it takes its time, and shall hold no record locked. The view
        gets what `keep` returns as `kept`, and the values of the query parameters, and returns the record.
        """
        return self._route(
            method,
            path,
            operations.receive,
            keep=keep,
            answers=schema,
            parameters=parameters,
            load=load,
            status=201 if method == "POST" else 200,
        )

    def sends(self, path: str, *, load: View) -> Callable[[View], View]:
        """GET a file: the view gets the record, which is not locked, and returns a `Download`."""
        return self._route("GET", path, operations.send, answers_file=True, load=load)

    def _route(
        self, method: str, path: str, run: Callable[..., ResponseReturnValue], **options: Any
    ) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            name = view.__name__
            operation = Operation(f"{self.name}.{name}", method, path, view, self.database, tag=self.name, **options)
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
    options = schema_instance(schema).opts
    orders = [name.removeprefix("-") for name in options.sort]
    for name in (*options.filterable, *options.sortable, *orders, options.key):
        if name not in readable_columns(schema):
            raise TypeError(f"{schema.__name__} shows no field {name}, so lists cannot be filtered or sorted by it")


def _require_defaults(schema: type[Schema]) -> None:
    """PUT replaces every writable field, so each must be required or have a default."""
    for kind in schema_instance(schema).opts.kinds.values() or [schema]:
        for name, each in schema_instance(kind).fields.items():
            if not each.dump_only and not each.required and each.load_default is marshmallow.missing:
                raise TypeError(f"{kind.__name__}.{name} is writable, so it must be required or have a load_default")
