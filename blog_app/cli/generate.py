"""`flask generate`: code generation for a new resource or a new logical database."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.development.generate import database as databases, resource as resources
from blog_app.development.generate.names import Names
from blog_app.development.generate.plan import Plan

WIDE = {"max_content_width": 110}


generate = AppGroup("generate", help="Generate the code of a new resource or a new logical database.")
dry_run = click.option("--dry-run", is_flag=True, help="Show the changes as a diff; write nothing.")


@generate.command(context_settings=WIDE)
@click.argument("name")
@click.option("--database", required=True, type=click.Choice(DATABASE_NAMES), help="The logical database.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME:TYPE[:optional|:unique]",
    help="A field; may be repeated. Default: name:string:unique",
)
@click.option("--plural", help="The plural of NAME. Default: that of a regular noun.")
@dry_run
def resource(name: str, database: str, fields: tuple[str, ...], plural: str | None, dry_run: bool) -> None:
    """Generate the code of the resource NAME.

    Writes model, schema, views, permissions, migration, seed file and tests. NAME is in the singular and in lower case,
    as in recipe or reading_list. TYPE is string, text, integer, money, boolean, timestamp, uuid or json, or a table of
    the same database that the field refers to. :optional allows null; :unique refuses a value that another row has.

    \b
    flask generate resource recipe --database blog --field title:string:unique --field steps:text \\
        --field minutes:integer:optional --field category:categories:optional

    Everybody may read the resource, editors and admins may write it; to change that, edit blog_app/permissions.py.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    plan = resources.plan(app, database, Names(name, plural), fields or ("name:string:unique",))
    _finish(plan, dry_run, f"flask migrate up, flask seed --database {database}, make check test")


@generate.command("database", context_settings=WIDE)
@click.argument("name")
@dry_run
def new_database(name: str, dry_run: bool) -> None:
    """Add the logical database NAME, in lower case.

    \b
    It writes the package blog_app/NAME, migrations/NAME, seed_data/NAME and tests/NAME, and adds NAME to
      blog_app/config.py                   DATABASE_NAMES, which all commands, the worker and the tests follow
      blog_app/data/databases/__init__.py  the proxy that models name
      pyproject.toml                       import contracts
      .env.example                         NAME_DATABASE_URL, NAME_DIRECT_URL, NAME_REPLICA_URLS ...
      pgbouncer.ini                        the entry for `make run`

    Without a NAME_DATABASE_URL, it lives in its own schema of the database that DATABASE_URL names.
    """
    following = f"restart make run (or set {name.upper()}_DATABASE_URL), flask generate resource ... --database {name}"
    _finish(databases.plan(name), dry_run, f"{following}, flask migrate up")


def _finish(plan: Plan, dry_run: bool, following: str) -> None:
    if dry_run:
        click.echo("\n".join(plan.diff()))
        return
    for path in plan.texts:
        click.echo(f"{'changed' if (ROOT / path).exists() else 'created'}: {path}")
    plan.write()
    click.echo(f"Next: {following}")
