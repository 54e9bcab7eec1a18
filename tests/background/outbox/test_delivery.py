"""Publishing and delivering outbox events, in one process."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask

from blog_app.background import worker
from blog_app.background.outbox import delivery
from blog_app.background.outbox.handlers import HANDLERS, Event
from blog_app.background.outbox.publishing import publish_event
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS
from blog_app.data import backoff, databases
from blog_app.data.backoff import Backoff, delay
from blog_app.data.databases import DatabaseUnreachable, Server
from blog_app.data.models import now
from tests.helpers.outbox_handlers import AccountsEffect, ShopEffect, publish, recorded
from tests.helpers.threads import run_in_parallel

Deliver = Callable[[], int]
OUTBOX = DELIVERIES["accounts"]


@pytest.fixture
def long_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for longer than a test takes."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 30)


def make_due() -> None:
    OUTBOX.update(due_at=now()).execute()


def test_an_event_reaches_every_handler_and_leaves_the_outbox(deliver: Deliver) -> None:
    publish(uuid4(), 1)
    assert deliver() == 2
    assert (recorded(ShopEffect), recorded(AccountsEffect)) == ([1], [1])
    assert OUTBOX.select().count() == 0


def test_a_rolled_back_event_is_not_delivered(deliver: Deliver) -> None:
    with databases.accounts.atomic() as transaction:
        publish(uuid4(), 1)
        transaction.rollback()
    assert deliver() == 0


def test_publishing_outside_a_transaction_raises(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="in the transaction"):
        publish_event(databases.accounts, "test.happened", subject=uuid4(), number=1)


def test_publishing_an_undeclared_payload_or_database_raises(app: Flask) -> None:
    with databases.accounts.atomic(), pytest.raises(TypeError, match="declared"):
        publish_event(databases.accounts, "test.happened", subject=uuid4(), colour="red")
    with databases.shop.atomic(), pytest.raises(TypeError, match="declared"):
        publish_event(databases.shop, "test.happened", subject=uuid4(), number=1)


def test_events_of_a_subject_are_delivered_in_order(deliver: Deliver) -> None:
    first, second = uuid4(), uuid4()
    publish(first, 1, 2, 3)
    publish(second, 4, 5)
    publish(first, 6)
    deliver()
    assert recorded(ShopEffect, first) == recorded(AccountsEffect, first) == [1, 2, 3, 6]
    assert recorded(ShopEffect, second) == [4, 5]


def test_a_delivery_repeated_after_the_handlers_commit_has_no_effect(deliver: Deliver) -> None:
    publish(uuid4(), 1)
    again = list(OUTBOX.select().dicts())
    deliver()
    OUTBOX.insert_many(again).execute()
    assert deliver() == 2
    assert (recorded(ShopEffect), recorded(AccountsEffect)) == ([1], [1])


def test_a_backlog_of_one_handler_does_not_block_another(app: Flask) -> None:
    for number in range(3 * worker.MAX_PER_TURN):
        publish(uuid4(), number)
    OUTBOX.delete().where(OUTBOX.handler == "accounts.record_in_accounts").execute()
    publish(last := uuid4(), 1)
    worker.deliver_due(app, Backoff(), threading.Event())
    assert recorded(AccountsEffect, last) == [1]
    assert recorded(ShopEffect, last) == []


@pytest.mark.usefixtures("long_backoff")
def test_a_failing_handler_is_rolled_back_and_blocks_only_its_subject(deliver: Deliver) -> None:
    failing, other = uuid4(), uuid4()
    publish(failing, -1, 2)
    publish(other, 3)
    deliver()
    assert recorded(ShopEffect) == [3]
    assert recorded(AccountsEffect, failing) == [-1, 2]
    waiting = list(OUTBOX.select().order_by(OUTBOX.position))
    assert [(each.payload["number"], each.attempts) for each in waiting] == [(-1, 1), (2, 0)]
    assert waiting[0].error == "ValueError: a negative number"
    assert waiting[0].due_at > now()
    assert PROCESSED_EVENTS["shop"].select().count() == 1


def test_a_delivery_is_dead_after_its_last_attempt_and_later_ones_proceed(deliver: Deliver) -> None:
    subject = uuid4()
    publish(subject, -1, 2)
    for _ in range(delivery.MAX_ATTEMPTS):
        make_due()
        deliver()
    assert recorded(ShopEffect) == [2]
    dead = OUTBOX.get()
    assert (dead.attempts, dead.dead_at is not None) == (delivery.MAX_ATTEMPTS, True)
    make_due()
    assert deliver() == 0


def test_backoff_grows_exponentially_up_to_a_maximum() -> None:
    for failures, expected in ((1, 1), (2, 2), (5, 16), (100, 3600)):
        for _ in range(20):
            seconds = delay(failures, longest=3600)
            assert 0.75 * expected <= seconds <= 1.25 * expected


@pytest.mark.usefixtures("long_backoff")
def test_deliveries_to_an_unreachable_database_wait_and_others_proceed(app: Flask) -> None:
    publish(uuid4(), 1)
    publish(uuid4(), 2)
    here = databases.shop.obj
    databases.shop.initialize(Server("shop", "postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1))
    backoff = Backoff()
    try:
        tried = worker.deliver_due(app, backoff, threading.Event())
    finally:
        databases.shop.initialize(here)
    assert tried == 3  # Both to accounts, and one to the shop, whose handler backs off then.
    assert sorted(recorded(AccountsEffect)) == [1, 2]
    assert [each.attempts for each in OUTBOX.select()] == [0, 0]
    assert worker.deliver_due(app, backoff, threading.Event()) == 0
    assert worker.deliver_due(app, Backoff(), threading.Event()) == 2
    assert sorted(recorded(ShopEffect)) == [1, 2]


@pytest.mark.usefixtures("long_backoff")
def test_an_unreachable_outbox_backs_off_and_others_are_delivered(app: Flask) -> None:
    publish(uuid4(), 1)
    here = databases.blog.obj
    databases.blog.initialize(Server("blog", "postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1))
    backoff = Backoff()
    try:
        assert worker.deliver_due(app, backoff, threading.Event()) == 2
    finally:
        databases.blog.initialize(here)
    assert databases.blog in backoff


def test_concurrent_workers_keep_the_order_and_repeat_nothing(app: Flask) -> None:
    subjects = [uuid4() for _ in range(5)]
    for number in range(20):
        for subject in subjects:
            publish(subject, number)

    def work() -> None:
        backoff = Backoff()
        while OUTBOX.select().exists():
            worker.deliver_due(app, backoff, threading.Event())
        for database in databases.ALL:
            database.release()

    run_in_parallel(work, work, work)
    for subject in subjects:
        assert recorded(ShopEffect, subject) == recorded(AccountsEffect, subject) == list(range(20))


def test_an_event_is_rolled_back_with_its_savepoint(deliver: Deliver) -> None:
    with databases.accounts.atomic():
        publish(uuid4(), 1)
        with pytest.raises(ValueError, match="no"), databases.accounts.atomic():
            publish(uuid4(), 2)
            raise ValueError("no")
        publish(uuid4(), 3)
    deliver()
    assert recorded(ShopEffect) == [1, 3]


def test_selecting_due_deliveries_uses_the_index_without_a_sort(app: Flask) -> None:
    with databases.accounts.atomic():
        for number in range(300):
            publish(uuid4(), number)
    due = delivery._due(databases.accounts, ["shop.record_in_shop"]).limit(1)
    with databases.accounts.atomic():
        databases.accounts.execute_sql("SET LOCAL enable_seqscan = off")  # As for a table that is not tiny.
        databases.accounts.execute_sql(delivery.NO_SORT)
        plan = str(databases.accounts.execute_sql("EXPLAIN " + due.sql()[0], due.sql()[1]).fetchall())
    assert "outbox_due" in plan
    assert "Sort" not in plan


@pytest.mark.usefixtures("long_backoff")
def test_deliveries_blocked_by_a_failed_one_are_postponed_with_it(deliver: Deliver) -> None:
    subject = uuid4()
    publish(subject, -1, 2, 3)
    deliver()
    waiting = list(OUTBOX.select().order_by(OUTBOX.position))
    assert [(each.payload["number"], each.due_at > now()) for each in waiting] == [(-1, True), (2, True), (3, True)]


def test_an_external_handler_runs_outside_transactions_with_its_attempt_counted_and_claimed(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(event: Event) -> None:
        seen.append((OUTBOX.get().attempts, OUTBOX.get().due_at > now(), databases.accounts.in_transaction()))

    replace_handler(monkeypatch, "accounts.record_outside", look)
    publish(uuid4(), 1, event="test.mailed")
    assert deliver() == 1
    assert seen == [(1, True, False)]
    assert OUTBOX.select().count() == 0


def test_a_delivery_whose_last_attempt_died_is_dead(deliver: Deliver) -> None:
    publish(uuid4(), 1, event="test.mailed")
    OUTBOX.update(attempts=delivery.MAX_ATTEMPTS).execute()
    deliver()
    dead = OUTBOX.get()
    assert dead.dead_at is not None
    assert dead.error.startswith("AttemptDied: ")
    assert recorded(ShopEffect) == []


@pytest.mark.usefixtures("long_backoff")
def test_an_attempt_counts_if_its_transaction_is_lost(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_connection(event: Event) -> None:
        ShopEffect.create(subject=event.subject, number=1)
        databases.shop.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    replace_handler(monkeypatch, "shop.record_in_shop", lose_connection)
    publish(uuid4(), 1)
    deliver()
    waiting = OUTBOX.get()
    assert (waiting.attempts, waiting.due_at > now()) == (1, True)
    assert waiting.error.startswith("TransactionLost: ")
    assert recorded(ShopEffect) == []


@pytest.mark.usefixtures("long_backoff")
def test_a_batch_whose_transaction_is_lost_is_not_attempted_again_at_once(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(events: list[Event]) -> None:
        calls.append(len(events))
        databases.shop.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    calls: list[int] = []
    replace_handler(monkeypatch, "shop.record_in_shop", lose_connection, batch=10)
    for number in range(3):
        publish(uuid4(), number)
    deliver()
    assert calls == [3]
    assert [(each.attempts, each.due_at > now()) for each in OUTBOX.select()] == [(1, True)] * 3


def test_deliveries_of_a_batch_that_died_are_attempted_one_by_one(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[int]] = []

    def take(events: list[Event]) -> None:
        batches.append([event.payload["number"] for event in events])

    replace_handler(monkeypatch, "shop.record_in_shop", take, batch=10)
    for number in range(4):
        publish(uuid4(), number)
    OUTBOX.update(attempts=1).where(OUTBOX.payload == {"number": 0}).execute()
    OUTBOX.update(attempts=1).where(OUTBOX.payload == {"number": 1}).execute()
    deliver()
    assert batches == [[0], [1], [2, 3]]


@pytest.mark.parametrize("error", [ValueError("no"), DatabaseUnreachable("no")])
def test_a_worker_that_hung_beyond_its_claim_leaves_the_delivery_to_the_one_that_has_it_now(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def hang(event: Event) -> None:
        OUTBOX.update(attempts=2, due_at=later).execute()  # As another worker's claim does.
        raise error

    later = now() + delivery.EXTERNAL_CLAIM
    replace_handler(monkeypatch, "accounts.record_outside", hang)
    publish(uuid4(), 1, event="test.mailed")
    deliver()
    claimed = OUTBOX.get()
    assert (claimed.attempts, claimed.due_at, claimed.error) == (2, later, None)


def replace_handler(monkeypatch: pytest.MonkeyPatch, name: str, function: Callable[..., None], batch: int = 0) -> None:
    monkeypatch.setitem(HANDLERS, name, dataclasses.replace(HANDLERS[name], function=function, batch=batch))
