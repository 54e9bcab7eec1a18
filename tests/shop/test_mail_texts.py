"""Mails about orders, as the worker sends them."""

from __future__ import annotations

import dataclasses
from email.message import EmailMessage

import pytest
from flask import Flask

from blog_app.background.outbox.tables import DELIVERIES
from blog_app.data import backoff
from tests.helpers.caller import Caller, sign_up
from tests.helpers.mails import mails
from tests.helpers.shop import create_product, place_order, set_statuses, sign_up_customer
from tests.helpers.worker import deliver_all

OUTBOX = DELIVERIES["shop"]


def mails_to(app: Flask, customer: Caller) -> list[EmailMessage]:
    return mails(app, customer.get("/me").json["email"])


def test_an_order_and_each_change_of_it_are_mailed_in_order(app: Flask) -> None:
    vendor, admin, (customer, address) = sign_up(app, "vendor"), sign_up(app, "admin"), sign_up_customer(app)
    placed = place_order(
        customer, address, (create_product(vendor, "19.99"), 2), (create_product(vendor, "5.00", name="Mug"), 1)
    )
    admin.put(f"/orders/{placed['id']}/payment", {"payment": "paid"})
    set_statuses(admin, placed, "processing", "shipped")
    sent = mails_to(app, customer)
    reference = placed["id"][-12:]
    assert [each["Subject"] for each in sent] == [
        f"Your order {reference}",
        *(f"Your order {reference}: {new}" for new in ("paid", "processing", "shipped")),
    ]
    text = sent[0].get_content()
    assert "2 x Kettle, 19.99 each" in text
    assert "Total: 44.98" in text


def test_a_refused_order_is_not_mailed(app: Flask) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    place_order(customer, address, (create_product(vendor, stock=1), 2), status=409)
    assert mails_to(app, customer) == []


def test_while_the_mail_server_is_unreachable_mails_wait_and_cost_one_attempt_at_a_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 30)
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    for _ in range(3):
        place_order(customer, address, (create_product(vendor), 1))
    settings = app.config["SETTINGS"]
    monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(settings, mail_url="smtp://127.0.0.1:1"))
    deliver_all(app)
    assert sorted(each.attempts for each in OUTBOX.select()) == [0, 0, 1]
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    OUTBOX.update(due_at=OUTBOX.published_at).execute()
    assert len(mails_to(app, customer)) == 3


def test_without_a_mail_server_mails_are_discarded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor, (customer, address) = sign_up(app, "vendor"), sign_up_customer(app)
    place_order(customer, address, (create_product(vendor), 1))
    settings = app.config["SETTINGS"]
    monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(settings, mail_url=None))
    deliver_all(app)
    assert OUTBOX.select().count() == 0
