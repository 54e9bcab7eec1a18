"""`flask generate database`: a new logical database, with everything that the app needs to know of it.

It writes the package of the domain, with no endpoints yet, migrations of the tables that every logical database has
(outbox, jobs, idempotency keys), and the name in five existing files. Everything else follows from `DATABASE_NAMES`.
CONTRIBUTING.md lists them, and says what to do next.
"""

from __future__ import annotations

import re

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.data import databases
from blog_app.development.generate import GenerateError
from blog_app.development.generate.names import camel_case, check_name
from blog_app.development.generate.plan import TEMPLATES, Plan, render
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

SETTINGS = ("DATABASE_URL", "DIRECT_URL", "REPLICA_URLS", "REPLICA_DIRECT_URLS")


def plan(name: str) -> Plan:
    """Return the files to write; raise `GenerateError` if the name is not valid or taken."""
    _check(name)
    made = Plan()
    for template in (each for each in TEMPLATES.list_templates() if each.startswith("package/")):
        path = template.replace("package/", f"blog_app/{name}/").removesuffix(".jinja")
        made.create(path, render(template, name=name, base=f"{camel_case(name)}Record"))
    for migration in COMMON_MIGRATIONS:
        text = made.text(f"migrations/shop/{migration}")
        made.create(f"migrations/{name}/{migration}", re.sub(r"\bshop\b", name, text))
    made.create(f"seed_data/{name}/.gitkeep", "")
    made.create(f"tests/{name}/__init__.py", "")

    made.add_element("blog_app/config.py", "DATABASE_NAMES", f'"{name}"')
    made.replace("blog_app/data/databases/__init__.py", " = ALL\n", f", {name} = ALL\n")
    made.replace("pyproject.toml", '    "blog | ', f'    "blog | {name} | ')
    sources = 'source_modules = ["blog_app.analytics", '
    made.replace("pyproject.toml", sources, f'{sources}"blog_app.{name}", ')
    made.texts["pyproject.toml"] += render("contract.toml.jinja", name=name)
    last, connections = DATABASE_NAMES[-1], POOL_SIZE * len(DATABASE_NAMES)
    setting = f"# {last.upper()}_{SETTINGS[-1]}=\n"
    made.replace(".env.example", setting, "\n".join([setting, *(f"# {name.upper()}_{each}=" for each in SETTINGS), ""]))
    entry = re.search(rf"^{last}( = .*\n)", made.text("pgbouncer.ini"), re.MULTILINE)
    if entry is None:
        raise GenerateError(f"pgbouncer.ini has no entry for {last}")
    made.replace("pgbouncer.ini", entry[0], f"{entry[0]}{name}{entry[1]}")
    made.replace("pgbouncer.ini", f"{connections} in total", f"{connections + POOL_SIZE} in total")
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
