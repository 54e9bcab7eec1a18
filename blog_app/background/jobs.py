"""Periodic jobs, the worker's cron: `every` declares one beside the code that needs it.

    @jobs.every(timedelta(minutes=5), databases.shop)
    def refresh_revenue() -> None:
        "Bring the revenue report up to date."

Guarantees: however many workers run, a job has one runner at a time and runs once a period: its row in the table `jobs`
of its database is locked while it runs, and holds when it is due next. A job runs in one transaction of its database,
with its own statement timeout. A job that returns True has more to do and is due again immediately. If it returns a
function, that is called after the commit, and its result means the same. A job that fails is retried with exponential
backoff. A job that was due while no worker ran, runs once when one does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import peewee

from blog_app.data import databases
from blog_app.data.backoff import Backoff, delay
from blog_app.data.databases import DATABASE_ERRORS, DatabaseUnreachable, LogicalDatabase, first_line
from blog_app.data.models import Base, TimestampField, model_for_each_database, now

log = logging.getLogger(__name__)

TIME_LIMIT = timedelta(minutes=10)
LOGGED_PERIOD = timedelta(hours=1)
"""Jobs with at least this period are logged each time, others only if their result says that they did something."""
MAX_ERROR_LENGTH = 500

Function = Callable[[], bool | Callable[[], bool] | None]
DatabaseFunction = Callable[[LogicalDatabase], bool]


@dataclass(frozen=True)
class Job:
    """A function that runs once a period, in a transaction of one database."""

    name: str
    period: timedelta
    database: LogicalDatabase
    function: Function


JOBS: dict[str, Job] = {}
"""All jobs, by name."""


def every(period: timedelta, database: LogicalDatabase) -> Callable[[Function], Function]:
    """Register the decorated function as a job of `database` that the worker runs once a `period`.

    The function's name identifies the job in stored rows.
    """

    def decorate(function: Function) -> Function:
        _register(function.__name__, period, database, function)
        return function

    return decorate


def every_in_each_database(
    period: timedelta, name: str | None = None
) -> Callable[[DatabaseFunction], DatabaseFunction]:
    """Register the decorated function, called with a logical database, as a job of each; see `every`.

    `name` identifies the jobs in stored rows instead of the function's name.
    """

    def decorate(function: DatabaseFunction) -> DatabaseFunction:
        for database in databases.ALL:
            _register(name or function.__name__, period, database, partial(function, database))
        return function

    return decorate


def _register(name: str, period: timedelta, database: LogicalDatabase, function: Function) -> None:
    job = Job(f"{database.name}.{name}", period, database, function)
    if JOBS.setdefault(job.name, job) != job:
        raise TypeError(f"two jobs are called {job.name}")


class Schedule(Base):
    """When a job is due, and how its last run ended."""

    name = peewee.CharField(max_length=100, primary_key=True)
    due_at = TimestampField(default=now)
    ended_at = TimestampField(null=True)
    failures = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    error = peewee.TextField(null=True)

    class Meta:
        watermarked = False  # Nothing that is cached or read from a replica depends on it.


SCHEDULES = model_for_each_database(Schedule, "jobs")


def error_summary(error: Exception) -> str:
    """Return the type and the first line of an error, as jobs and deliveries store it."""
    return f"{type(error).__name__}: {first_line(error)}"[:MAX_ERROR_LENGTH]


def run_due(backoff: Backoff) -> bool:
    """Run each due job that no other worker runs; return whether one ran.

    A job whose database fails is added to `backoff`.
    """
    ran = False
    for job in JOBS.values():
        if job.name in backoff:
            continue
        try:
            ran |= _run_if_due(job)
            backoff.record_success(job.name)
        except DATABASE_ERRORS as error:
            log.warning("%s backs off: %s", job.name, first_line(error))
            backoff.record_failure(job.name)
    return ran


def _run_if_due(job: Job) -> bool:
    table = SCHEDULES[job.database.name]
    due_at = table.select(table.due_at).where(table.name == job.name).scalar()
    if due_at is None:
        table.insert(name=job.name).on_conflict_ignore().execute()  # A new job is due immediately.
    elif due_at > now():
        return False
    with job.database.atomic():
        is_due = (table.name == job.name) & (table.due_at <= now())
        schedule = table.select().where(is_due).for_update("FOR UPDATE SKIP LOCKED").first()
        if schedule is None:
            return False
        job.database.limit_statements(TIME_LIMIT.total_seconds())
        outcome: bool | Callable[[], bool] | None = None
        started = time.perf_counter()
        try:
            with job.database.atomic():
                outcome = job.function()
        except DatabaseUnreachable:
            raise
        except Exception as error:
            log.warning("%s failed", job.name, exc_info=error)
            schedule.failures += 1
            schedule.error = error_summary(error)
            schedule.due_at = now() + timedelta(seconds=delay(schedule.failures, longest=job.period.total_seconds()))
        else:
            schedule.failures, schedule.error, schedule.ended_at = 0, None, now()
            schedule.due_at = now() if outcome is True else now() + job.period
            level = logging.INFO if outcome or job.period >= LOGGED_PERIOD else logging.DEBUG
            fields = {"job": job.name, "milliseconds": round((time.perf_counter() - started) * 1000, 2)}
            log.log(level, "job %s", job.name, extra={"fields": fields})
        schedule.save()
    if callable(outcome) and outcome():
        table.update(due_at=now()).where(table.name == job.name).execute()
    return True
