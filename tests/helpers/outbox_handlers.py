"""Test events and handlers that record each run: in another database, in the publishing database, and outside both.

`flask --app tests.helpers.outbox_handlers worker` is a worker that knows them. DIE_ONCE, the path of a file, makes it
kill itself (SIGKILL) the first time it comes to the point DIE_AT; the file says that it has. CLAIM_SECONDS shortens its
claims.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import peewee

from blog_app import create_app as create_real_app
from blog_app.background.outbox import delivery, tables
from blog_app.background.outbox.events import EVENTS, EventDeclaration
from blog_app.background.outbox.handlers import HANDLERS_BY_EVENT, Event, event_handler
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases

EVENTS["test.happened"] = EventDeclaration("accounts", "Something happened in a test. Subject: anything.", ("number",))
EVENTS["test.mailed"] = EventDeclaration("accounts", "Something is to be told. Subject: anything.", ("number",))
HANDLERS_BY_EVENT |= {"test.happened": [], "test.mailed": []}

create_app = create_real_app


class Effect(peewee.Model):
    """One run of a handler. Not a model of the app: the table exists for these tests only."""

    subject = peewee.UUIDField()
    number = peewee.IntegerField()

    class Meta:
        watermarked = False


class ShopEffect(Effect):
    class Meta:
        database = databases.shop
        schema = "shop"
        table_name = "test_effects"


class AccountsEffect(Effect):
    class Meta:
        database = databases.accounts
        schema = "accounts"
        table_name = "test_effects"


EFFECTS = (ShopEffect, AccountsEffect)


@event_handler("test.happened", databases.shop)
def record_in_shop(event: Event) -> None:
    """Record the event in another database; fail if its number is negative."""
    ShopEffect.create(subject=event.subject, number=event.payload["number"])
    die_at("in the handler")
    if event.payload["number"] < 0:
        raise ValueError("a negative number")


@event_handler("test.happened", databases.accounts)
def record_in_accounts(event: Event) -> None:
    """Record the event in the publishing database."""
    AccountsEffect.create(subject=event.subject, number=event.payload["number"])


@event_handler("test.mailed", databases.accounts, external=True)
def record_outside(event: Event) -> None:
    """Record the event in another database, for what is outside both; fail if a transaction is open."""
    assert not any(database.in_transaction() for database in databases.ALL)
    ShopEffect.create(subject=event.subject, number=event.payload["number"])
    die_at("in the external effect")


def publish(subject: UUID, *numbers: int, event: str = "test.happened") -> None:
    """Publish events in order, in one transaction."""
    with databases.accounts.atomic():
        for number in numbers:
            publish_event(databases.accounts, event, subject=subject, number=number)


def recorded(effect: type[Effect], subject: UUID | None = None) -> list[int]:
    """Return the numbers that a handler recorded, in the order of its runs."""
    query = effect.select(effect.number).order_by(effect.id).tuples()
    return [number for (number,) in (query.where(effect.subject == subject) if subject else query)]


def die_at(point: str) -> None:
    """Kill this process if the environment says so, once."""
    if os.environ.get("DIE_AT") == point and not Path(os.environ["DIE_ONCE"]).exists():
        Path(os.environ["DIE_ONCE"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)


if seconds := os.environ.get("CLAIM_SECONDS"):
    delivery.CLAIM = delivery.EXTERNAL_CLAIM = timedelta(seconds=float(seconds))

if "DIE_AT" in os.environ:
    delete_delivered = delivery.delete_delivered

    def delete_or_die(deliveries: Sequence[tables.Delivery]) -> None:
        die_at("before the delivery is deleted")
        delete_delivered(deliveries)

    delivery.delete_delivered = delete_or_die
