"""The state machines of an order's status and of its payment: the transitions that each state allows."""

from __future__ import annotations

from collections.abc import Mapping

from blog_app.errors import Conflict

STATUS: Mapping[str, tuple[str, ...]] = {
    "pending":    ("processing", "cancelled"),
    "processing": ("shipped", "cancelled"),
    "shipped":    ("delivered",),
    "delivered":  (),
    "cancelled":  (),
}  # fmt: skip

PAYMENT: Mapping[str, tuple[str, ...]] = {
    "pending":  ("paid", "failed"),
    "paid":     ("refunded",),
    "failed":   (),
    "refunded": (),
}  # fmt: skip

TRANSITIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {"status": STATUS, "payment": PAYMENT}


def require_transition(field: str, old: str, new: str) -> None:
    """Raise `Conflict`, listing the allowed values, unless `field` of an order may change from `old` to `new`."""
    if new not in TRANSITIONS[field][old]:
        allowed = f"Allowed values: {', '.join(TRANSITIONS[field][old]) or 'none'}."
        raise Conflict(
            f"The {field} cannot change from {old!r} to {new!r}. {allowed}",
            errors=[{"pointer": f"/{field}", "detail": allowed}],
        )
