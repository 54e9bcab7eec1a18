"""`flask deploy`, which the Procfile runs as `release:`, and `flask restore`."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from blog_app.cli.errors import readable_errors
from blog_app.config import settings
from blog_app.operations.deploy import backups
from blog_app.operations.deploy.release import Release, ReleaseError
from blog_app.operations.migrate import MigrationError

LOSES_DATA = "data in new tables and columns is lost"


@click.command()
@click.option("--rollback", is_flag=True, help=f"On failure, roll back what this release applied; {LOSES_DATA}.")
@click.option("--without-backfills", is_flag=True, help="Stop before a migration that backfills a big table.")
@click.option("--no-backup", is_flag=True, help="Do not back up, even if BACKUP_DIR is set.")
@with_appcontext
def deploy(rollback: bool, without_backfills: bool, no_backup: bool) -> None:
    """Wait for the databases, back them up, migrate, verify.

    Dumps every logical database to BACKUP_DIR, if that is set. Checks pending migrations for unsafe operations, applies
    them, and compares the schema with models and migrations. If a step fails, the release stops and prints the command
    that rolls back what it applied.
    """
    release = Release(settings(), click.echo, None if no_backup else settings().backup_dir, without_backfills)
    with readable_errors():
        try:
            release.run()
        except ReleaseError as error:
            _explain(release, error, rollback=rollback)
            raise SystemExit(1) from error
    click.echo("deploy: done")


def _explain(release: Release, error: ReleaseError, *, rollback: bool) -> None:
    click.echo(f"deploy: {error}", err=True)
    if not release.changed:
        click.echo("deploy: this release has changed nothing", err=True)
    elif rollback:
        click.echo(f"deploy: rolling back what this release applied; {LOSES_DATA}", err=True)
        try:
            release.roll_back()
        except (MigrationError, KeyboardInterrupt) as failure:
            click.echo(f"deploy: the rollback failed: {failure}", err=True)
            click.echo(f"deploy: to roll back the rest:\n  {release.rollback_command()}", err=True)
        else:
            click.echo("deploy: everything that this release applied is rolled back", err=True)
    else:
        click.echo(f"deploy: to roll back what this release applied ({LOSES_DATA}):", err=True)
        click.echo(f"  {release.rollback_command()}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def restore(file: Path) -> None:
    """Restore a backup into an empty database.

    The file names the logical database; the environment has its URL.
    """
    with readable_errors():
        name = backups.restore(settings(), file, click.echo)
    click.echo(f"{name} is restored. Compare it with this code: flask migrate check --database {name}")
