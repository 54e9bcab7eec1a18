"""Worker processes: shutdown, kills, several at a time."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from blog_app.background.outbox.tables import DELIVERIES
from blog_app.data.models import now
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from tests.helpers.outbox_handlers import AccountsEffect, ShopEffect, publish, recorded
from tests.helpers.programs import SECONDS, Program

OUTBOX = DELIVERIES["accounts"]
NUMBERS, KILLS = 30, 4
Start = Callable[..., Program]


@pytest.fixture
def start(stack: Stack, tmp_path: Path) -> Iterator[Start]:
    """A function that starts a worker process; those that still run at the end are killed."""
    flask = [Path(sys.executable).parent / "flask", "--app", "tests.helpers.outbox_handlers", "worker"]
    own = {"APP_MODE": "test", "DIE_ONCE": str(tmp_path / "died"), "CLAIM_SECONDS": "1"}
    environment = os.environ | stack.environment() | own
    with ExitStack() as started:

        def start(**variables: str) -> Program:
            worker = started.enter_context(Program(*flask, environment=environment | variables))
            started.callback(worker.kill)
            return worker

        yield start


def everything_is_delivered() -> bool:
    return not OUTBOX.select().exists()


def test_a_worker_delivers_events_and_shuts_down_cleanly(start: Start) -> None:
    worker = start()
    publish(uuid4(), 1)
    assert wait_until(everything_is_delivered, SECONDS)
    publish(uuid4(), 2)
    assert wait_until(everything_is_delivered, SECONDS)
    assert worker.end() == 0
    assert sorted(recorded(ShopEffect)) == [1, 2]
    started, *delivered, stopped = [json.loads(line) for line in worker.said.splitlines()]
    assert started["message"].startswith("the worker starts: ")
    assert stopped["message"] == "the worker has stopped"
    handlers = sorted(each["handler"] for each in delivered if each.get("event") == "test.happened")
    assert handlers == ["accounts.record_in_accounts"] * 2 + ["shop.record_in_shop"] * 2


@pytest.mark.parametrize("point", ["in the handler", "before the delivery is deleted"])
def test_work_interrupted_by_a_kill_happens_once(start: Start, point: str) -> None:
    publish(uuid4(), 1, 2, 3)
    first = start(DIE_AT=point)
    assert first.wait() == -signal.SIGKILL
    assert not everything_is_delivered()
    start()
    assert wait_until(everything_is_delivered, SECONDS)
    assert (recorded(ShopEffect), recorded(AccountsEffect)) == ([1, 2, 3], [1, 2, 3])


def test_an_attempt_that_is_killed_counts_and_its_external_effect_is_repeated(start: Start) -> None:
    publish(uuid4(), 1, event="test.mailed")
    publish(uuid4(), 2, event="test.mailed")
    first = start(DIE_AT="in the external effect", CLAIM_SECONDS="60")
    assert first.wait() == -signal.SIGKILL
    assert sorted(each.attempts for each in OUTBOX.select()) == [0, 1]
    OUTBOX.update(due_at=now()).execute()
    start()
    assert wait_until(everything_is_delivered, SECONDS)
    assert sorted(recorded(ShopEffect)) == [1, 1, 2]


def test_workers_that_are_killed_repeatedly_lose_and_repeat_nothing(start: Start) -> None:
    subjects = [uuid4() for _ in range(6)]
    for subject in subjects:
        publish(subject, *range(NUMBERS))
    workers = [start(), start()]
    for _ in range(KILLS):
        left = max(OUTBOX.select().count() - 50, 0)
        # Some deliveries later, in the middle of another one.
        assert wait_until(lambda left=left: OUTBOX.select().count() <= left, 2 * SECONDS)
        random.shuffle(workers)
        workers.pop().kill()
        workers.append(start())
    assert wait_until(everything_is_delivered, 2 * SECONDS)
    for subject in subjects:
        assert recorded(ShopEffect, subject) == recorded(AccountsEffect, subject) == list(range(NUMBERS))
