"""Sending mail (SMTP) as `MAIL_URL` says: `smtp://user:password@host:port`, `smtps://…`, or `file:///folder`.

Without it, development and tests write `.eml` files into var/mail and log the path; in production, requests that need
mail get 503. Only event handlers send mail, in the worker: no request waits for a mail server, and a mail that cannot
be sent now is retried.
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
PERMANENT_FAILURE = 500
"""Reply codes from here on are permanent failures (RFC 5321, section 4.2.1)."""
MAX_LINE_LENGTH = 990  # RFC 5321 allows 998. A token is not wrapped, so it can be copied from an .eml file.


MailText = tuple[str, str]
"""A subject and a body."""


def compose(subject: str, *paragraphs: str) -> MailText:
    """Return a mail's subject, and its plain-text body of these paragraphs."""
    return subject, "\n\n".join(paragraphs) + "\n"


def require_mail() -> None:
    """Raise `Unavailable` if no mail is configured, so that nobody waits for one."""
    if settings().mail_url is None:
        raise Unavailable("This server cannot send mail.")


def send(event: Event, to: str, subject: str, text: str) -> None:
    """Send the mail that an event causes; raise `ServiceUnreachable` if the mail server does not accept it now.

    If the worker dies before it commits, the mail is sent twice with the same Message-ID, so that mail clients can
    recognize the duplicate. Nothing is sent to an address that the server refuses permanently, or if no mail is
    configured.
    """
    url = settings().mail_url
    if url is None:
        log.info("no mail is sent for %s %s: MAIL_URL is not set", event.name, event.id)
        return
    message = _message(to, subject, text, str(event.id))
    parts = urlsplit(url)
    if parts.scheme == "file":
        _write_eml(message, Path(unquote(parts.path)))
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


def _write_eml(message: EmailMessage, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid7()}.eml"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(message.as_bytes())
    log.info("mail to %s written to %s", message["To"], path)


def _send_by_smtp(message: EmailMessage, parts: SplitResult) -> None:
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
        if code < PERMANENT_FAILURE:
            raise ServiceUnreachable(f"The mail server does not accept it now: {code} {reason!r}") from error
        log.warning("the mail server refuses the recipient %s: %s %r", message["To"], code, reason)
    except (OSError, smtplib.SMTPException) as error:
        raise ServiceUnreachable(f"The mail server does not accept it now: {error}") from error
