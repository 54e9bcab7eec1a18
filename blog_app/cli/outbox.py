"""`flask outbox`: inspect, retry and purge outbox deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import click
import peewee
from flask.cli import AppGroup

from blog_app.background.outbox.tables import DELIVERIES
from blog_app.cli.options import databases_option
from blog_app.data.models import now

outbox = AppGroup("outbox", help="Deliveries of events to other databases.")
publishers_option = databases_option("The logical database that published the event; may be repeated. Default: all.")


@outbox.command()
@publishers_option
def status(names: Sequence[str]) -> None:
    """Count pending, retried and dead deliveries. Exit code 1 if a delivery is dead."""
    any_dead = False
    for name in names:
        table = DELIVERIES[name]
        alive = table.dead_at.is_null()
        pending, retried, dead, oldest = (
            table.select(
                peewee.fn.count(1).filter(alive),
                peewee.fn.count(1).filter(alive & (table.attempts > 0)),
                peewee.fn.count(1).filter(~alive),
                peewee.fn.min(table.published_at).filter(alive),
            )
            .tuples()
            .get()
        )
        age = f", oldest {(now() - oldest).total_seconds():.0f} s old" if oldest else ""
        click.echo(f"{name:<10} {pending} pending ({retried} being retried){age}; {dead} dead")
        any_dead |= bool(dead)
    if any_dead:
        raise SystemExit(1)


@outbox.command("list")
@publishers_option
@click.option("--dead", is_flag=True, help="Only dead deliveries.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_deliveries(names: Sequence[str], dead: bool, limit: int) -> None:
    """List deliveries, oldest first. Shows event, handler, subject, attempts and last error."""
    for name in names:
        table = DELIVERIES[name]
        query = table.select().order_by(table.position).limit(limit)
        for each in query.where(table.dead_at.is_null(False)) if dead else query:
            state = "dead" if each.dead_at else f"due {each.due_at:%Y-%m-%d %H:%M:%S} UTC"
            click.echo(f"{name} {each.event_id} {each.name} -> {each.handler}, subject {each.subject}")
            click.echo(f"    {state}, {each.attempts} attempts{f': {each.error}' if each.error else ''}")


@outbox.command()
@click.argument("event_id", type=click.UUID, required=False)
@click.option("--all", "all_", is_flag=True, help="Retry every dead delivery.")
@publishers_option
def retry(event_id: UUID | None, all_: bool, names: Sequence[str]) -> None:
    """Retry dead deliveries: those of EVENT_ID, or all. Their attempts start at 0 again."""
    if (event_id is None) is not all_:
        raise click.UsageError("give either EVENT_ID or --all")
    count = 0
    for name in names:
        table = DELIVERIES[name]
        query = table.update(dead_at=None, attempts=0, due_at=now()).where(table.dead_at.is_null(False))
        count += (query if event_id is None else query.where(table.event_id == event_id)).execute()
    click.echo(f"{count} scheduled for retry")
    if event_id and not count:
        raise SystemExit(1)


@outbox.command()
@click.option(
    "--days", type=click.IntRange(min=0), default=30, show_default=True, help="Minimum days since the delivery died."
)
@publishers_option
def purge(days: int, names: Sequence[str]) -> None:
    """Delete old dead deliveries. Their handlers will never run."""
    count = 0
    for name in names:
        table = DELIVERIES[name]
        count += table.delete().where(table.dead_at <= now() - timedelta(days=days)).execute()
    click.echo(f"{count} deleted")
