"""Reading the mails that the worker wrote to its directory."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask

from tests.helpers.caller import PASSWORD, anonymous
from tests.helpers.worker import deliver_all

TOKEN = re.compile(r"^[\w.-]{40,}\r?$", re.MULTILINE)


def mails(app: Flask, to: str) -> list[EmailMessage]:
    """Let the worker send what is due; return the mails to an address, oldest first."""
    deliver_all(app)
    folder = Path(urlsplit(app.config["SETTINGS"].mail_url).path)
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    return [mail for mail in found if mail["To"] == to]


def token_for(app: Flask, to: str) -> str:
    """Return the token in the newest mail with a token to an address."""
    found = [token for mail in mails(app, to) for token in TOKEN.findall(mail.get_content())]
    return str(found[-1]).strip()


def register(app: Flask, email: str = "ada@example.com", name: str = "Ada") -> str:
    """Register with PASSWORD and return the mailed token."""
    anonymous(app).post("/users", {"email": email, "name": name, "password": PASSWORD}, status=202)
    return token_for(app, email)
