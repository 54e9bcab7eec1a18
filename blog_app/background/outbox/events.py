"""The table of all outbox events: where each is published, what its subject is, what its payload carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class EventDeclaration(NamedTuple):
    """The declaration of an event. Payloads are JSON: identifiers, amounts and times travel as text."""

    database: str | None
    """Where it is published; None: anywhere."""
    meaning: str
    payload: tuple[str, ...] = ()
    wakes_worker: bool = True
    """Whether publishing wakes an idle worker; else it finds the event when it polls, within a second."""


EVENTS: Mapping[str, EventDeclaration] = {
    "user.left": EventDeclaration("accounts", "A user closed their account, or it was closed. Subject: the user."),
    "registration.asked": EventDeclaration("accounts", "Somebody requested an account. Subject: the registration."),
    "reset.asked": EventDeclaration("accounts", "Somebody requested a password reset. Subject: itself.", ("email",)),
    "email.asked": EventDeclaration(
        "accounts", "A user requested a change of address. Subject: the user.", ("email", "version", "keep")
    ),
    "email.changed": EventDeclaration("accounts", "A user's address changed. Subject: the user.", ("former",)),
    "email.set": EventDeclaration("accounts", "An admin changed a user's address. Subject: the user.", ("former",)),
    "user.invited": EventDeclaration("accounts", "An admin created a user without a password. Subject: the user."),
    "authors.counted": EventDeclaration(
        "blog", "The public posts of all authors were counted. Subject: itself.", ("posts",), wakes_worker=False
    ),
    "posts.viewed": EventDeclaration("analytics", "Page views by post were stored. Subject: itself.", ("views",)),
    "order.placed": EventDeclaration("shop", "A customer placed an order. Subject: the order."),
    "order.changed": EventDeclaration(
        "shop", "An order's status or payment changed. Subject: the order.", ("field", "new")
    ),
    "action.done": EventDeclaration(
        None, "An audited action committed (`blog_app.background.audit`).", ("entry",), wakes_worker=False
    ),
}
