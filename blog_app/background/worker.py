"""The worker: it delivers events and runs the jobs that are due, until it is told to stop.

Jobs run in a thread of their own, so that a long one does not hold up the events. Asked to stop, the worker ends what
it is doing, one delivery and one job, and nothing is lost if it is killed instead.
"""

from __future__ import annotations

import logging
import threading

from flask import Flask

from blog_app.background import jobs
from blog_app.background.jobs import DATABASE_ERRORS
from blog_app.background.outbox import wake_up
from blog_app.background.outbox.delivery import deliver_next, handlers_waited_for
from blog_app.data import databases
from blog_app.data.backoff import Rests
from blog_app.data.databases import LogicalDatabase, first_line

log = logging.getLogger(__name__)

JOB_POLL_SECONDS = 5
TURN = 10
"""Deliveries (or batches) from one outbox to one handler, before it is the next one's turn: mails go out slowly."""


def run(app: Flask, stop: threading.Event) -> None:
    """Work until `stop` is set. If one thread fails, the other ends too: a new worker is better than half."""
    job_thread = threading.Thread(target=_run_jobs, args=(app, stop), name="jobs")
    job_thread.start()
    rests = Rests()
    wait_for_nudge = wake_up.listener(app)
    try:
        while not stop.is_set():
            if not deliver_due(app, rests, stop):
                wait_for_nudge(stop)
    finally:
        stop.set()
        job_thread.join()


def deliver_due(app: Flask, rests: Rests, stop: threading.Event) -> int:
    """Deliver what is due in all outboxes to all handlers, each in its turn; return how many deliveries were tried."""
    return sum(_turn(app, database, rests, stop) for database in databases.ALL if database not in rests)


def _turn(app: Flask, database: LogicalDatabase, rests: Rests, stop: threading.Event) -> int:
    done = 0
    try:
        with app.app_context():
            handlers = handlers_waited_for(database, rests)
        for handler in handlers:
            for _ in range(TURN):
                with app.app_context():  # As for a request: what it pins and holds ends with it.
                    delivered = 0 if stop.is_set() else deliver_next(database, handler, rests)
                if not delivered:
                    break
                done += delivered
        rests.end(database)
    except DATABASE_ERRORS as error:
        log.warning("the outbox of %s rests: %s", database.name, first_line(error))
        rests.begin(database)
    return done


def _run_jobs(app: Flask, stop: threading.Event) -> None:
    rests = Rests()
    try:
        while not stop.is_set():
            with app.app_context():
                ran = jobs.run_due(rests)
            if not ran:
                stop.wait(JOB_POLL_SECONDS)
    finally:
        stop.set()
