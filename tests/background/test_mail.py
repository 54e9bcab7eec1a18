"""Sending mail by SMTP or into files."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from flask import Flask
from uuid_utils.compat import uuid7

from blog_app.background import mail
from blog_app.background.outbox.handlers import Event, ServiceUnreachable
from blog_app.background.outbox.tables import DELIVERIES
from blog_app.config import MAIL_FOLDER, ConfigurationError, Settings
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.development.local.stack import Stack
from blog_app.errors import Unavailable
from tests.helpers.caller import PASSWORD, anonymous
from tests.helpers.threads import BackgroundCall
from tests.helpers.worker import deliver_all

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # No TLS on the loopback.

EVENT = Event(uuid7(), "test.happened", uuid7(), {}, now())
URLS = {"DATABASE_URL": "postgresql://127.0.0.1/blog", "SECRET_KEY": "x" * 32}


REFUSALS = {"nobody@example.com": "550 No such mailbox", "later@example.com": "451 Try again later"}


class Inbox:
    """The messages that a mail server has received."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in REFUSALS:
            return REFUSALS[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"us er", b"p@ss"), handled=False)


@pytest.fixture
def server(port: int) -> Iterator[Controller]:
    controller = Controller(
        Inbox(),
        hostname="127.0.0.1",
        port=port,
        ready_timeout=60,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    yield controller
    controller.stop()


def send(app: Flask, url: str | None, to: str = "ada@example.com", subject: str = "Tea") -> None:
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(settings, mail_url=url, mail_from="Blog <blog@example.com>")
    try:
        with app.app_context():
            mail.send(EVENT, to, subject, "Boil water.\n\nWärme hilft. 🫖\n")
    finally:
        app.config["SETTINGS"] = settings


def test_a_message_is_sent_by_smtp_with_authentication(migrated_app: Flask, server: Controller) -> None:
    send(migrated_app, f"smtp://us%20er:p%40ss@127.0.0.1:{server.port}", to="ada@bücher.de", subject="Tee für zwei")
    (envelope,) = server.handler.envelopes
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("blog@example.com", ["ada@xn--bcher-kva.de"])
    assert (message["From"], message["Subject"]) == ("Blog <blog@example.com>", "Tee für zwei")
    assert message["Message-ID"].startswith(f"<{EVENT.id}.")
    assert "🫖" in message.get_content()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smtp://us%20er:wrong@127.0.0.1:{port}", "535"),
        ("smtp://127.0.0.1:1", "Connection refused"),
        ("smtps://127.0.0.1:1", "Connection refused"),
    ],
)
def test_a_temporary_failure_raises_service_unreachable(
    migrated_app: Flask, server: Controller, url: str, reason: str
) -> None:
    with pytest.raises(ServiceUnreachable, match=reason):
        send(migrated_app, url.format(port=server.port))


def test_a_permanently_refused_address_is_not_retried(
    migrated_app: Flask, server: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"smtp://us%20er:p%40ss@127.0.0.1:{server.port}"
    send(migrated_app, url, to="nobody@example.com")
    assert "No such mailbox" in caplog.text
    with pytest.raises(ServiceUnreachable, match="451"):
        send(migrated_app, url, to="later@example.com")
    assert server.handler.envelopes == []


def test_a_subject_cannot_inject_headers(migrated_app: Flask, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        send(migrated_app, tmp_path.as_uri(), subject="Tea\nBcc: eve@example.com")


def test_a_mail_file_is_private_and_its_path_is_logged(
    migrated_app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        send(migrated_app, (tmp_path / "mails here").as_uri())
    (path,) = (tmp_path / "mails here").glob("*.eml")
    assert path.stat().st_mode & 0o077 == 0
    assert str(path) in caplog.text


def test_without_a_url_development_writes_files_and_production_sends_nothing(
    migrated_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    development = Settings.from_environment({**URLS, "APP_MODE": "development"})
    assert development.mail_url == MAIL_FOLDER.as_uri()
    production = Settings.from_environment({**URLS, "APP_MODE": "production"})
    assert production.mail_url is None
    send(migrated_app, None)
    with migrated_app.app_context(), monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setitem(migrated_app.config, "SETTINGS", production)
        mail.require_mail()
    with pytest.raises(ConfigurationError, match="MAIL_URL"):
        Settings.from_environment({**URLS, "MAIL_URL": "imap://mail.example.com"})


class Slow(Inbox):
    """A mail server that takes its time to accept a message, and refuses the farewell."""

    seconds = 2.0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(self.seconds)
        return await super().handle_DATA(server, session, envelope)

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return "451 Do not go"


@pytest.fixture
def slow(port: int) -> Iterator[Controller]:
    controller = Controller(Slow(), hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    yield controller
    controller.stop()


@pytest.mark.pgbouncer
def test_one_copy_is_sent_though_the_mail_server_is_slower_than_the_pooler_waits_for_transactions(
    app: Flask, stack: Stack, slow: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(app.config["SETTINGS"], mail_url=f"smtp://127.0.0.1:{slow.port}")
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    stack.pgbouncer.admin("SET idle_transaction_timeout = '0.5'")
    try:
        anonymous(app).post("/users", {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}, status=202)
        deliver_all(app)
        assert DELIVERIES["accounts"].select().count() == 0
    finally:
        stack.pgbouncer.admin("SET idle_transaction_timeout = 30")
    assert len(slow.handler.envelopes) == 1


def test_mail_is_refused_in_a_transaction(migrated_app: Flask) -> None:
    with migrated_app.app_context(), databases.shop.atomic(), pytest.raises(RuntimeError, match="outside transactions"):
        mail.send(EVENT, "ada@example.com", "Tea", "Boil water.")


def test_a_session_is_bounded_however_the_server_drips(
    migrated_app: Flask, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAX_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", port)) as listener:
        done = threading.Event()

        def drip() -> None:
            client, _ = listener.accept()
            with client, suppress(OSError):
                while not done.wait(0.05):
                    client.sendall(b"2")

        dripping = BackgroundCall(drip)
        with pytest.raises(ServiceUnreachable):
            send(migrated_app, f"smtp://127.0.0.1:{port}")
        done.set()
        dripping.result(60)


def test_a_message_id_is_that_of_its_event_and_recipient(migrated_app: Flask, tmp_path: Path) -> None:
    for to in ("ada@example.com", "bea@example.com", "ada@example.com"):
        send(migrated_app, tmp_path.as_uri(), to=to)
    ids = [message_from_bytes(path.read_bytes())["Message-ID"] for path in tmp_path.glob("*.eml")]
    assert len(set(ids)) == len(ids) == 2
