"""The worker: threads that deliver outbox events and run due periodic jobs, until shutdown.

Handlers with an external effect have a thread of their own, and so have jobs: neither a slow mail server nor a long job
delays other events. On shutdown the worker completes the deliveries and the job that run; nothing is lost if it is
killed instead. Each delivery, and each job that did something, is a line of the log; an idle worker logs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from flask import Flask

from blog_app.background import jobs
from blog_app.background.outbox import wake_up
from blog_app.background.outbox.delivery import deliver_next, handlers_with_due_deliveries
from blog_app.background.outbox.handlers import HANDLERS, publishers
from blog_app.data.backoff import Backoff
from blog_app.data.databases import DATABASE_ERRORS, LogicalDatabase, first_line

log = logging.getLogger(__name__)

JOB_POLL_SECONDS = 5
MAX_PER_TURN = 10
"""Deliveries (or batches) from one outbox to one handler before the next handler's turn."""


def run(app: Flask, stop: threading.Event) -> None:
    """Work until `stop` is set. If one thread fails, the others stop too, so that the process is restarted whole."""
    external = [handler.name for handler in HANDLERS.values() if handler.external]
    log.info("the worker starts: %d event handlers, %d jobs", len(HANDLERS), len(jobs.JOBS))
    threads = [
        threading.Thread(target=_until, args=(stop, lambda: _deliver(app, stop, external)), name="external effects"),
        threading.Thread(target=_until, args=(stop, lambda: _run_jobs(app, stop)), name="jobs"),
    ]
    for thread in threads:
        thread.start()
    try:
        _until(stop, lambda: _deliver(app, stop, HANDLERS.keys() - external))
    finally:
        for thread in threads:
            thread.join()
        log.info("the worker has stopped")


def _until(stop: threading.Event, work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        stop.set()


def _deliver(app: Flask, stop: threading.Event, handlers: Collection[str]) -> None:
    backoff = Backoff()
    wait_for_event = wake_up.waiter(app)
    while not stop.is_set():
        if not deliver_due(app, backoff, stop, handlers):
            wait_for_event(stop)


def deliver_due(
    app: Flask, backoff: Backoff, stop: threading.Event, handlers: Collection[str] = HANDLERS.keys()
) -> int:
    """Deliver due events from all outboxes to `handlers` in turn; return how many deliveries were attempted."""
    outboxes = [database for database in publishers(handlers) if database not in backoff]
    return sum(_deliver_from(app, database, handlers, backoff, stop) for database in outboxes)


def _deliver_from(
    app: Flask, database: LogicalDatabase, names: Collection[str], backoff: Backoff, stop: threading.Event
) -> int:
    done = 0
    try:
        with app.app_context():
            handlers = handlers_with_due_deliveries(database, names, backoff)
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
    while not stop.is_set():
        with app.app_context():
            ran = jobs.run_due(backoff)
        if not ran:
            stop.wait(JOB_POLL_SECONDS)
