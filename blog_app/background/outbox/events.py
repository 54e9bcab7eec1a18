"""The events that cross databases, as one table: where each is published, what its subject is, what it carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Declaration(NamedTuple):
    """What is said of an event. Payloads are JSON: identifiers, amounts and times travel as text."""

    database: str | None
    """Where it is published; None: anywhere."""
    meaning: str
    payload: tuple[str, ...] = ()
    hurry: bool = True
    """Whether an idle worker is told at once; else it finds the event within a second, with others."""


EVENTS: Mapping[str, Declaration] = {
    "user.left": Declaration("accounts", "A user closed their account, or it was closed. Subject: the user."),
    "registration.asked": Declaration("accounts", "Somebody wants an account. Subject: the registration."),
    "reset.asked": Declaration("accounts", "Somebody forgot a password. Subject: the wish.", ("email",)),
    "email.asked": Declaration("accounts", "A user wants a new address. Subject: they.", ("email", "version", "keep")),
    "email.changed": Declaration("accounts", "A user has a new address. Subject: the user.", ("former",)),
    "posts.viewed": Declaration("analytics", "Posts were viewed: how often each. Subject: the occasion.", ("views",)),
    "order.placed": Declaration("shop", "Somebody ordered something. Subject: the order."),
    "order.changed": Declaration("shop", "An order's status or payment changed. Subject: the order.", ("field", "new")),
    "action.done": Declaration(None, "Somebody did something (`blog_app.background.audit`).", ("entry",), hurry=False),
}
