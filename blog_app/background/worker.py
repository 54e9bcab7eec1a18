"""The worker: a loop that delivers outbox events, and a thread that runs due periodic jobs, until shutdown.

Jobs run in their own thread, so that a long job does not delay events. On shutdown the worker completes the delivery
and the job that run; nothing is lost if it is killed instead.
"""

from __future__ import annotations

import logging
import threading

from flask import Flask

from blog_app.background import jobs
from blog_app.background.outbox import wake_up
from blog_app.background.outbox.delivery import deliver_next, handlers_with_due_deliveries
from blog_app.data import databases
from blog_app.data.backoff import Backoff
from blog_app.data.databases import DATABASE_ERRORS, LogicalDatabase, first_line

log = logging.getLogger(__name__)

JOB_POLL_SECONDS = 5
MAX_PER_TURN = 10
"""Deliveries (or batches) from one outbox to one handler before the next handler's turn: sending mail is slow."""


def run(app: Flask, stop: threading.Event) -> None:
    """Work until `stop` is set. If one thread fails, the other stops too, so that the process is restarted whole."""
    job_thread = threading.Thread(target=_run_jobs, args=(app, stop), name="jobs")
    job_thread.start()
    backoff = Backoff()
    wait_for_event = wake_up.waiter(app)
    try:
        while not stop.is_set():
            if not deliver_due(app, backoff, stop):
                wait_for_event(stop)
    finally:
        stop.set()
        job_thread.join()


def deliver_due(app: Flask, backoff: Backoff, stop: threading.Event) -> int:
    """Deliver due events from all outboxes to all handlers in turn; return how many deliveries were attempted."""
    return sum(_deliver_from(app, database, backoff, stop) for database in databases.ALL if database not in backoff)


def _deliver_from(app: Flask, database: LogicalDatabase, backoff: Backoff, stop: threading.Event) -> int:
    done = 0
    try:
        with app.app_context():
            handlers = handlers_with_due_deliveries(database, backoff)
        for handler in handlers:
            for _ in range(MAX_PER_TURN):
                with app.app_context():  # As for a request: its routes and connections end with it.
                    delivered = 0 if stop.is_set() else deliver_next(database, handler, backoff)
                if not delivered:
                    break
                done += delivered
        backoff.record_success(database)
    except DATABASE_ERRORS as error:
        log.warning("the outbox of %s backs off: %s", database.name, first_line(error))
        backoff.record_failure(database)
    return done


def _run_jobs(app: Flask, stop: threading.Event) -> None:
    backoff = Backoff()
    try:
        while not stop.is_set():
            with app.app_context():
                ran = jobs.run_due(backoff)
            if not ran:
                stop.wait(JOB_POLL_SECONDS)
    finally:
        stop.set()
