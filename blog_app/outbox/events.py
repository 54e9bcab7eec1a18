"""The events that cross databases, as one table: where each is published, what its subject is, what it carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Declaration(NamedTuple):
    """What is said of an event. Payloads are JSON: identifiers, amounts and times travel as text."""

    database: str
    meaning: str
    payload: tuple[str, ...] = ()


EVENTS: Mapping[str, Declaration] = {
    "user.left": Declaration("accounts", "A user closed their account, or it was closed. Subject: the user."),
    "order.placed": Declaration("shop", "Somebody ordered something. Subject: the order."),
    "order.changed": Declaration("shop", "An order's status or payment changed. Subject: the order.", ("field", "new")),
}
