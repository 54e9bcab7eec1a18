"""`flask pgbouncer`: write PgBouncer's configuration for the servers that the environment names."""

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
    help="The folder for the files. They hold passwords: keep them out of version control.",
)
@click.option(
    "--pool-size",
    type=click.IntRange(1, 100),
    envvar="PGBOUNCER_POOL_SIZE",
    show_envvar=True,
    default=pooler.POOL_SIZE,
    show_default=True,
    help="Server connections for each logical database and each replica.",
)
@click.option(
    "--socket-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Listen on a Unix socket in this folder only, not on the address of the pooled URLs.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if the files are not up to date.")
@with_appcontext
def pgbouncer(output: Path, pool_size: int, socket_dir: Path | None, check: bool) -> None:
    """Write PgBouncer's configuration.

    Writes pgbouncer.ini, userlist.txt and pgbouncer.env. The direct URLs name the servers. A pooled URL beside a direct
    one names the host and port on which PgBouncer listens, and the entry and login of the app; without one,
    pgbouncer.env has the pooled URLs for the app. PGBOUNCER_ADMIN_PASSWORD adds a login `pgbouncer_admin`.
    """
    admin_password = os.environ.get(pooler.ADMIN_PASSWORD, "")
    folder = output.resolve()  # PgBouncer may be started anywhere, and looks for files where it was.
    try:
        contents = pooler.files(
            settings(), folder=folder, pool_size=pool_size, admin_password=admin_password, socket_dir=socket_dir
        )
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    if check:
        if stale := [name for name in pooler.PAIR if not _holds(output / name, contents[name])]:
            raise click.ClickException(f"not up to date with the environment: {', '.join(stale)} in {output}")
        click.echo(f"{output} is up to date")
        return
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    pooler.write(output, contents)
    click.echo(f"wrote {', '.join(contents)} into {output}")


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text
