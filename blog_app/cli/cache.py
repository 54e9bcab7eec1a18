"""`flask cache`: how the cache does."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from blog_app.data import cache_counters
from blog_app.data.cache_counters import Counts

cache = AppGroup("cache", help="Kept answers.")

REASONS = {
    "away": "Redis does not answer: nothing is cached, and nobody knows what was.",
    "not configured": "There is no REDIS_URL: nothing is cached.",
}
HEADINGS = ("", "hits", "misses", "bypasses", "hit ratio", "mean fill", "longest fill")
FORMS = ("{:,}", "{:,}", "{:,}", "{:.1%}", "{:.1f} ms", "{:.1f} ms")


@cache.command()
@click.option(
    "--hours",
    type=click.IntRange(1, cache_counters.MOST_HOURS),
    default=cache_counters.MOST_HOURS,
    show_default=True,
    help="How many hours, the current one among them.",
)
def status(hours: int) -> None:
    """Show hits, misses, bypasses and fill times of each view, of all processes. Exit code 1 when Redis is away."""
    found = cache_counters.report(hours)
    if found.status in REASONS:
        click.echo(REASONS[found.status])
        raise SystemExit(found.status == "away")
    rows = [HEADINGS, *(_row(view, counts) for view, counts in found.views.items()), _row("total", found.total)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    click.echo(f"since {found.since:%Y-%m-%d %H:%M} UTC")
    for name, *numbers in rows:
        cells = (number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
        click.echo("  ".join((name.ljust(widths[0]), *cells)))


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    numbers = counts.described().values()
    return name, *("-" if number is None else form.format(number) for form, number in zip(FORMS, numbers, strict=True))
