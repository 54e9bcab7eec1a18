"""Periodic jobs: schedule, single runner, failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from blog_app.background import jobs
from blog_app.background.jobs import JOBS, SCHEDULES
from blog_app.data import backoff, databases
from blog_app.data.backoff import Backoff
from blog_app.data.databases import Server
from blog_app.data.models import now
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall

SCHEDULE = SCHEDULES["shop"]
runs: list[str] = []


@pytest.fixture(autouse=True)
def no_other_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the job of the test is registered, and not beyond the test."""
    monkeypatch.setattr(jobs, "JOBS", {})
    runs.clear()
    yield
    assert "shop.job" not in JOBS


def declare(function: jobs.Function) -> None:
    function.__name__ = "job"
    jobs.every(timedelta(hours=1), databases.shop)(function)


def make_due() -> None:
    SCHEDULE.update(due_at=now()).execute()


def test_a_new_job_runs_immediately_and_then_once_a_period(app: Flask) -> None:
    declare(lambda: runs.append("run"))
    assert jobs.run_due(Backoff())
    assert not jobs.run_due(Backoff())
    make_due()
    assert jobs.run_due(Backoff())
    assert len(runs) == 2
    assert timedelta(minutes=59) < SCHEDULE.get().due_at - now() <= timedelta(hours=1)


def test_a_job_that_returns_true_is_due_again_immediately(app: Flask) -> None:
    declare(lambda: runs.append("run") or len(runs) < 3)
    while jobs.run_due(Backoff()):
        pass
    assert len(runs) == 3


def test_a_function_returned_by_a_job_is_called_after_the_commit(app: Flask) -> None:
    def notes_left() -> bool:
        with ThreadPoolExecutor(1) as other_thread:
            runs.append(
                other_thread.submit(lambda: SCHEDULE.select().where(SCHEDULE.name == "a note").exists()).result()
            )
            other_thread.submit(databases.shop.release)
        return len(runs) == 1

    def leave_a_note() -> Callable[[], bool]:
        SCHEDULE.insert(name="a note").on_conflict_ignore().execute()
        return notes_left

    declare(leave_a_note)
    while jobs.run_due(Backoff()):
        pass
    assert runs == [True, True]  # The first one said that there was more to do.


def test_a_failed_job_is_rolled_back_and_retried_later(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 30)

    def fail() -> None:
        runs.append("run")
        SCHEDULE.insert(name="left behind").execute()
        raise ValueError("not today")

    declare(fail)
    jobs.run_due(Backoff())
    schedule = SCHEDULE.get()
    assert (schedule.name, schedule.failures, schedule.error) == ("shop.job", 1, "ValueError: not today")
    assert timedelta() < schedule.due_at - now() < timedelta(seconds=40)


def test_a_job_has_one_runner_at_a_time(app: Flask) -> None:
    running, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        runs.append("run")
        running.set()
        may_end.wait(TIMEOUT_SECONDS)

    def first_worker() -> None:
        jobs.run_due(Backoff())
        databases.shop.release()

    declare(hold)
    first = BackgroundCall(first_worker)
    assert running.wait(TIMEOUT_SECONDS)
    assert not jobs.run_due(Backoff())
    may_end.set()
    first.result()
    assert runs == ["run"]


def test_a_job_with_an_unreachable_database_waits_and_others_run(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 30)
    declare(lambda: runs.append("shop"))
    jobs.every(timedelta(hours=1), databases.blog)(lambda: runs.append("blog"))
    here = databases.shop.obj
    databases.shop.initialize(Server("shop", "postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1))
    try:
        jobs.run_due(failed := Backoff())
    finally:
        databases.shop.initialize(here)
    assert runs == ["blog"]
    assert "shop.job" in failed
    jobs.run_due(Backoff())
    assert runs == ["blog", "shop"]


def test_a_job_is_logged_if_it_did_something_or_runs_seldom(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    for name, period, result in (("busy", 1, True), ("idle", 1, None), ("daily", 60 * 24, None)):
        jobs._register(name, timedelta(minutes=period), databases.shop, lambda result=result: result)
    with caplog.at_level("INFO"):
        jobs.run_due(Backoff())
    logged = [record.fields["job"] for record in caplog.records if "job" in getattr(record, "fields", {})]
    assert logged == ["shop.busy", "shop.daily"]
