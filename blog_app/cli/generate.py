"""`flask generate`: the files of something new, in the style of what is there."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.development.generate import GenerateError, names
from blog_app.development.generate import resource as resources


class GenerateGroup(AppGroup):
    """What cannot be made is one message, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GenerateError as error:
            raise click.ClickException(str(error)) from error


generate = GenerateGroup("generate", help="Write the files of something new.")


@generate.command(context_settings={"max_content_width": 110})
@click.argument("name")
@click.option("--database", required=True, type=click.Choice(DATABASE_NAMES), help="The logical database.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME:TYPE[:optional|:unique]",
    help="A field; may be repeated. Default: name:string:unique",
)
@click.option("--plural", help="The name of many, where English does not follow its rules.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def resource(name: str, database: str, fields: tuple[str, ...], plural: str | None, dry_run: bool) -> None:
    """Write model, schema, views, permissions, migration, seed file and tests of the resource NAME.

    TYPE is string, text, integer, money, boolean, timestamp, uuid or json, or the table of the same database that the
    field refers to. After it, :optional means that the field may be null, :unique that no two rows may share a value.

    \b
    flask generate resource recipe --database blog --field title:string:unique --field steps:text \\
        --field minutes:integer:optional --field category:categories:optional

    Everybody may read what is made, editors and admins may write it: see blog_app/permissions.py.
    """
    found = resources.describe(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        database,
        names.names_of(name, plural),
        fields or ("name:string:unique",),
    )
    made = resources.plan(found)
    if dry_run:
        click.echo("\n".join(made.diff()))
        return
    for path in made.contents:
        click.echo(f"{'changed' if path.exists() else 'written'}: {path.relative_to(ROOT)}")
    made.write()
    click.echo(f"Next: look it over, then flask migrate up, flask seed --database {database}, make check test")
