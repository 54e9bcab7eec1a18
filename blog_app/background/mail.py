"""Sending mail, to where `MAIL_URL` says: `smtp://user:password@host:port`, `smtps://…`, or `file:///folder`.

Without it, development and tests write `.eml` files into var/mail and say so in the log; production has no mail, and
what needs it answers 503. Sending takes long, so that only handlers of events do it, in the worker: whoever asked for a
mail does not wait for it, and one that cannot be sent now is tried again.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from uuid_utils import uuid7

from blog_app.background.outbox.handlers import Event, ServiceUnreachable
from blog_app.config import settings
from blog_app.data import email_addresses
from blog_app.data.models import now
from blog_app.errors import Unavailable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
PERMANENT = 500
"""RFC 5321, section 4.2.1: replies from here on say that the same will be refused again."""
LONGEST_LINE = 990  # RFC 5321 allows 998: a token stays in one piece, also for who reads the file.


def require() -> None:
    """Raise `Unavailable` where no mail is sent: nobody shall wait for one."""
    if settings().mail_url is None:
        raise Unavailable("Mail cannot be sent from here.")


def send(event: Event, to: str, subject: str, text: str) -> None:
    """Send the message that an event asks for; raise `ServiceUnreachable` if the mail server does not take it now.

    If the worker dies in the wrong moment it is sent twice, with one Message-ID, so that whoever gets both can tell. An
    address that the server refuses for good gets nothing, and neither does anybody where there is no mail.
    """
    url = settings().mail_url
    if url is None:
        log.info("nobody is told by mail of %s %s: MAIL_URL is not set", event.name, event.id)
        return
    message = _message(to, subject, text, str(event.id))
    parts = urlsplit(url)
    if parts.scheme == "file":
        _write(message, Path(unquote(parts.path)))
    else:
        _hand_over(message, parts)


def _message(to: str, subject: str, text: str, key: str) -> EmailMessage:
    sender, to = settings().mail_from, email_addresses.deliverable(to)
    message = EmailMessage(policy=(SMTP if to.isascii() else SMTPUTF8).clone(max_line_length=LONGEST_LINE))
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(now())
    domain = sender.rpartition("@")[2].strip("> ")
    message["Message-ID"] = f"<{key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _write(message: EmailMessage, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid7()}.eml"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(message.as_bytes())
    log.info("a mail to %s is in %s", message["To"], path)


def _hand_over(message: EmailMessage, parts: SplitResult) -> None:
    context = ssl.create_default_context()
    host = parts.hostname or "localhost"
    try:
        with (
            smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
            if parts.scheme == "smtps"
            else smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_SECONDS)
        ) as server:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        (code, reason), *_ = error.recipients.values()
        if code < PERMANENT:
            raise ServiceUnreachable(f"The mail server does not take it now: {code} {reason!r}") from error
        log.warning("the mail server refuses to send to %s: %s %r", message["To"], code, reason)
    except (OSError, smtplib.SMTPException) as error:
        raise ServiceUnreachable(f"The mail server does not take it now: {error}") from error
