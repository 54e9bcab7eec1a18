"""`flask cache`: hits, misses and fill times of the response cache."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from blog_app.data import cache_counters
from blog_app.data.cache_counters import Counts

cache = AppGroup("cache", help="The response cache.")

REASONS = {
    "away": "Redis is unreachable: nothing is cached, and there are no statistics.",
    "not configured": "REDIS_URL is not set: nothing is cached.",
}
HEADINGS = ("", "hits", "misses", "bypasses", "hit ratio", "mean fill", "longest fill")
FORMS = ("{:,}", "{:,}", "{:,}", "{:.1%}", "{:.1f} ms", "{:.1f} ms")


@cache.command()
@click.option(
    "--hours",
    type=click.IntRange(1, cache_counters.MAX_HOURS),
    default=cache_counters.MAX_HOURS,
    show_default=True,
    help="Number of hours to cover, including the current one.",
)
def status(hours: int) -> None:
    """Show hits, misses, bypasses and fill times by view. Covers all processes. Exit code 1 if Redis is unreachable."""
    report = cache_counters.report(hours)
    if report.status in REASONS:
        click.echo(REASONS[report.status])
        raise SystemExit(report.status == "away")
    rows = [HEADINGS, *(_row(view, counts) for view, counts in report.views.items()), _row("total", report.total)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    click.echo(f"since {report.since:%Y-%m-%d %H:%M} UTC")
    for name, *numbers in rows:
        cells = (number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
        click.echo("  ".join((name.ljust(widths[0]), *cells)))


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    numbers = counts.described().values()
    return name, *("-" if number is None else form.format(number) for form, number in zip(FORMS, numbers, strict=True))
