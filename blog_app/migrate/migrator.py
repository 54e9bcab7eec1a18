"""What a migration file talks to: peewee-migrate's Migrator, with its statements put right.

* Every statement names the schema of its logical database.
* `create_model` fails when the table exists, instead of silently leaving another table in place.
* A constraint may be given as text.
* The runner opens the transaction, or does not (`atomic = False`); the migrator never does.
"""

from __future__ import annotations

from typing import Any

import peewee
from peewee_migrate import Migrator as PeeweeMigrator
from peewee_migrate.migrator import PostgresqlMigrator
from playhouse.migrate import Operation, SchemaMigrator


class Operations(PostgresqlMigrator):
    """The single statements; `schema` qualifies them."""

    # peewee-migrate's own writes the index without its schema and knows no predicate.
    add_index = SchemaMigrator.add_index


class PythonStep:
    """A Python function of a migration: nobody can tell what it will do without running it."""

    def __init__(self, function: Any, args: Any, kwargs: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def __call__(self) -> None:
        self.function(*self.args, **self.kwargs)


class Migrator(PeeweeMigrator):
    """Collects the operations of one migration after another, and keeps the models as they are at that point."""

    def __init__(self, database: peewee.PostgresqlDatabase, schema: str) -> None:
        self.__ops__: list[Any] = []
        super().__init__(database)
        self.schema = schema
        self.__migrator__ = Operations(database, schema=schema)

    def __call__(self) -> None:
        """Run the operations that the migration asked for."""
        operations, self.__ops__ = self.__ops__, []
        for operation in operations:
            if isinstance(operation, Operation):
                operation.run()
            else:
                operation()

    def forget(self) -> None:
        """Keep the models, drop the operations: the migration was applied long ago."""
        self.__ops__ = []

    def run(self, func: Any, *args: Any, **kwargs: Any) -> None:
        """Run a Python function in its turn."""
        self.__ops__.append(PythonStep(func, args, kwargs))

    def create_model(self, model: Any) -> Any:
        """Create the model's table and indexes; the table must not exist."""
        if model._meta.schema is None:
            raise ValueError(f'create_model({model.__name__}): its Meta must say schema = "{self.schema}"')
        super().create_model(model)
        self.__ops__[-1] = lambda: model.create_table(safe=False)
        return model

    def add_constraint(self, model: Any, name: str, constraint: Any) -> Any:
        """Add a table constraint, given as text (`CHECK (price >= 0)`) or as a Peewee node."""
        if isinstance(constraint, str):
            constraint = peewee.SQL(constraint)
        return super().add_constraint(model, name, constraint)
