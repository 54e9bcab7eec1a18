"""`flask generate database`: a new logical database, with everything that the app needs to know of it.

`flask generate database crm` writes, for the logical database `crm`:

* the package `blog_app/crm`, with `CrmRecord`, the base class of its models, and no endpoints yet;
* `migrations/crm`, with the tables that every logical database has (outbox, jobs, idempotency keys), and the folders
  `seed_data/crm` and `tests/crm`;
* a name in each of five files: `DATABASE_NAMES` in `blog_app/config.py`, the proxy `databases.crm` in
  `blog_app/data/databases/__init__.py`, import contracts in `pyproject.toml`, the settings `CRM_DATABASE_URL`,
  `CRM_DIRECT_URL`, `CRM_REPLICA_URLS` and `CRM_REPLICA_DIRECT_URLS` in `.env.example`, and PgBouncer's entry in the
  `pgbouncer.ini` of `make run`.

Everything else follows from `DATABASE_NAMES`: commands, worker, moves, backups, health checks and tests. Then:

    flask generate resource contact --database crm --field name:string:unique
    flask migrate up
    flask seed --database crm
    flask pgbouncer                # in production: new files for the pooler
    make check test
"""

from __future__ import annotations

import re

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.data import databases
from blog_app.development.generate import GenerateError
from blog_app.development.generate.names import camel_case, check_name
from blog_app.development.generate.plan import Plan
from blog_app.operations.pgbouncer import POOL_SIZE

COMMON_MIGRATIONS = ("001_outbox.py", "002_idempotency_keys.py")
"""Those of `shop`, with which every logical database can begin."""
RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in information_schema initially inner intersect into is isnull join lateral
    leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    pgbouncer placing primary public references returning right select session_user similar some symmetric system_user
    table tablesample then to trailing true union unique user using variadic verbose when where window with
    """.split()  # noqa: SIM905
)
"""PostgreSQL's reserved words, and names that PostgreSQL and PgBouncer use themselves."""

PACKAGE = {
    "__init__.py": '''"""The {name} domain."""

from blog_app.{name}.views import blueprints

__all__ = ["blueprints"]
''',
    "models/__init__.py": '''"""The tables of {name}."""

from blog_app.{name}.models.base import {base}

__all__ = ["{base}"]
''',
    "models/base.py": '''"""What the models of {name} have in common."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.data.models import Record


class {base}(Record):
    """A record of the {name} database."""

    class Meta:
        database = databases.{name}
        schema = "{name}"
''',
    "schemas/__init__.py": '"""The schemas of {name}."""\n',
    "views/__init__.py": '''"""The endpoints of {name}."""

from blog_app.api import Blueprint

blueprints: tuple[Blueprint, ...] = ()
''',
}
CONTRACT = """
[[tool.importlinter.contracts]]
name = "Inside {name}: views, then schemas, then models"
type = "layers"
containers = ["blog_app.{name}"]
layers = ["views", "schemas", "models"]
"""
SETTINGS = ("DATABASE_URL", "DIRECT_URL", "REPLICA_URLS", "REPLICA_DIRECT_URLS")


def plan(name: str) -> Plan:
    """Return the files to write; raise `GenerateError` if the name is not valid or taken."""
    _check(name)
    made = Plan()
    for path, text in PACKAGE.items():
        made.create(f"blog_app/{name}/{path}", text.format(name=name, base=f"{camel_case(name)}Record"))
    for migration in COMMON_MIGRATIONS:
        made.create(
            f"migrations/{name}/{migration}", re.sub(r"\bshop\b", name, made.text(f"migrations/shop/{migration}"))
        )
    made.create(f"seed_data/{name}/.gitkeep", "")
    made.create(f"tests/{name}/__init__.py", "")

    made.add_element("blog_app/config.py", "DATABASE_NAMES", f'"{name}"')
    made.replace("blog_app/data/databases/__init__.py", " = ALL\n", f", {name} = ALL\n")
    _add_contracts(made, name)
    settings = "".join(f"# {name.upper()}_{each}=\n" for each in SETTINGS)
    last = f"# {DATABASE_NAMES[-1].upper()}_{SETTINGS[-1]}=\n"
    made.replace(".env.example", last, f"{last}\n{settings}")
    _add_pooler_entry(made, name)
    made.format()
    return made


def _check(name: str) -> None:
    check_name(name)
    if name in RESERVED or name.startswith("pg_"):
        raise GenerateError(f"{name!r} is reserved by PostgreSQL or PgBouncer")
    if name in DATABASE_NAMES:
        raise GenerateError(f"there is a logical database {name!r} already")
    for path in (f"blog_app/{name}", f"blog_app/{name}.py", f"migrations/{name}", f"tests/{name}"):
        if (ROOT / path).exists():
            raise GenerateError(f"{name!r} is taken: {path} exists")
    if hasattr(databases, name):
        raise GenerateError(f"{name!r} is taken: blog_app.data.databases has an attribute of this name")


def _add_contracts(made: Plan, name: str) -> None:
    layer, domains = '    "blog | ', 'source_modules = ["blog_app.analytics", '
    made.replace("pyproject.toml", layer, f"{layer}{name} | ")
    made.replace("pyproject.toml", domains, f'{domains}"blog_app.{name}", ')
    made.append("pyproject.toml", CONTRACT.format(name=name))


def _add_pooler_entry(made: Plan, name: str) -> None:
    entry = re.search(rf"^{DATABASE_NAMES[-1]}( = .*\n)", made.text("pgbouncer.ini"), re.MULTILINE)
    if entry is None:
        raise GenerateError(f"pgbouncer.ini has no entry for {DATABASE_NAMES[-1]}")
    made.replace("pgbouncer.ini", entry[0], f"{entry[0]}{name}{entry[1]}")
    connections = POOL_SIZE * len(DATABASE_NAMES)
    made.replace("pgbouncer.ini", f"{connections} in total", f"{connections + POOL_SIZE} in total")
