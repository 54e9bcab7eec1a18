"""Sending mail (SMTP) as `MAIL_URL` says: `smtp://user:password@host:port`, `smtps://…`, or `file:///folder`.

Without it, development and tests write `.eml` files into var/mail and log the path; in production, requests that need
mail get 503. Only external event handlers send mail, in the worker: no request waits for a mail server, no transaction
is open meanwhile, and a mail that cannot be sent now is retried.

A mail is sent at least once. A copy is sent only if the worker dies, or the connection breaks, after the mail server
got the whole message and before the worker knows; it has the same Message-ID, by which servers and mail clients
recognize copies. Whatever the server does, an attempt ends after `MAX_SECONDS`.
"""

from __future__ import annotations

import logging
import os
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from hashlib import blake2b
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from blog_app.background.outbox.handlers import Event, ServiceUnreachable
from blog_app.config import settings
from blog_app.data import databases, email_addresses
from blog_app.data.models import now
from blog_app.errors import Unavailable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30
"""To connect, and for each reply before the message."""
MAX_SECONDS = 180
"""For the session. A server may take most of it to accept the message (RFC 5321, section 4.5.3.2.6): it must not get a
copy because it is slow."""
SERVICE_READY = 220
PERMANENT_FAILURE = 500
"""Reply codes from here on are permanent failures (RFC 5321, section 4.2.1)."""
MAX_LINE_LENGTH = 990  # RFC 5321 allows 998. A token is not wrapped, so it can be copied from an .eml file.


def require_mail() -> None:
    """Raise `Unavailable` if no mail is configured, so that nobody waits for one."""
    if settings().mail_url is None:
        raise Unavailable("This server cannot send mail.")


def send(event: Event, to: str, subject: str, text: str) -> None:
    """Send the mail that an event causes; raise `ServiceUnreachable` if the mail server does not accept it now.

    Nothing is sent to an address that the server refuses permanently, or if no mail is configured.
    """
    if any(database.in_transaction() for database in databases.ALL):
        raise RuntimeError("mail must be sent outside transactions: by an external event handler")
    url = settings().mail_url
    if url is None:
        log.info("no mail is sent for %s %s: MAIL_URL is not set", event.name, event.id)
        return
    # Of this event and recipient: the same in each attempt.
    key = f"{event.id}.{blake2b(to.encode(), digest_size=4).hexdigest()}"
    message = _message(to, subject, text, key)
    parts = urlsplit(url)
    if parts.scheme == "file":
        _write_eml(message, Path(unquote(parts.path)) / f"{key}.eml")
    else:
        _send_by_smtp(message, parts)


def _message(to: str, subject: str, text: str, key: str) -> EmailMessage:
    sender, to = settings().mail_from, email_addresses.deliverable(to)
    message = EmailMessage(policy=(SMTP if to.isascii() else SMTPUTF8).clone(max_line_length=MAX_LINE_LENGTH))
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(now())
    domain = sender.rpartition("@")[2].strip("> ")
    message["Message-ID"] = f"<{key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _write_eml(message: EmailMessage, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(message.as_bytes())
    log.info("mail to %s written to %s", message["To"], path)


def _send_by_smtp(message: EmailMessage, parts: SplitResult) -> None:
    try:
        _hold_session(message, parts)
    except smtplib.SMTPRecipientsRefused as error:
        (code, reason), *_ = error.recipients.values()
        if code < PERMANENT_FAILURE:
            raise ServiceUnreachable(f"The mail server does not accept it now: {code} {reason!r}") from error
        log.warning("the mail server refuses the recipient %s: %s %r", message["To"], code, reason)
    except (OSError, smtplib.SMTPException) as error:
        raise ServiceUnreachable(f"The mail server does not accept it now: {error}") from error


def _hold_session(message: EmailMessage, parts: SplitResult) -> None:
    context, host = ssl.create_default_context(), parts.hostname or "localhost"
    server = (
        smtplib.SMTP_SSL(timeout=TIMEOUT_SECONDS, context=context)
        if parts.scheme == "smtps"
        else smtplib.SMTP(timeout=TIMEOUT_SECONDS)
    )
    server._host = host  # type: ignore[attr-defined]  # For the certificate; the constructor would connect, too.

    def end() -> None:
        if server.sock:  # The socket's own method: that of a TLS socket is not for another thread.
            with suppress(OSError):
                socket.socket.shutdown(server.sock, socket.SHUT_RDWR)

    # Timeouts of sockets are for one byte: a server that sends one from time to time would never reach them.
    deadline = threading.Timer(MAX_SECONDS, end)
    deadline.start()
    try:
        code, reply = server.connect(host, parts.port or (465 if parts.scheme == "smtps" else 587))
        if code != SERVICE_READY:
            raise smtplib.SMTPConnectError(code, reply)
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.sock.settimeout(MAX_SECONDS)  # type: ignore[union-attr]
        server.send_message(message)
        with suppress(OSError, smtplib.SMTPException):  # The message is accepted, whatever comes now.
            server.quit()
    finally:
        deadline.cancel()
        server.close()
