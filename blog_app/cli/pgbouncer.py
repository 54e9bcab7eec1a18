"""`flask pgbouncer`: PgBouncer's files for the servers that the environment's URLs name."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask.cli import with_appcontext

from blog_app.config import ConfigurationError, settings
from blog_app.operations import pgbouncer as pooler


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/pgbouncer"),
    show_default=True,
    help="The folder to write into. The files hold passwords: keep them out of version control.",
)
@click.option(
    "--pool-size",
    type=click.IntRange(1, 100),
    default=pooler.POOL_SIZE,
    show_default=True,
    help="Server connections for each logical database and each replica.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if the files are not what would be written.")
@with_appcontext
def pgbouncer(output: Path, pool_size: int, check: bool) -> None:
    """Write pgbouncer.ini, userlist.txt and pgbouncer.env for the environment's URLs.

    The direct URLs say where the servers are. Where a pooled URL stands beside a direct one, it says where PgBouncer
    listens, and the entry and login that the app asks for; otherwise pgbouncer.env holds the pooled URLs for the app.
    A login `pgbouncer_admin` is added if PGBOUNCER_ADMIN_PASSWORD is set.
    """
    try:
        contents = pooler.files(
            settings(), pool_size=pool_size, admin_password=os.environ.get(pooler.ADMIN_PASSWORD, "")
        )
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    if check:
        stale = [name for name in pooler.PAIR if not _holds(output / name, contents[name])]
        if stale:
            raise click.ClickException(f"not what the environment asks for: {', '.join(stale)} in {output}")
        click.echo(f"{output} is up to date")
        return
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    pooler.write(output, contents)
    click.echo(f"wrote {', '.join(contents)} into {output}")


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text
