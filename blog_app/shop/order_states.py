"""The states of an order and of its payment: from each, where it may go."""

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

MACHINES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"status": STATUS, "payment": PAYMENT}


def require_step(field: str, old: str, new: str) -> None:
    """Raise `Conflict`, naming what is allowed, unless `field` of an order may go from `old` to `new`."""
    allowed = MACHINES[field][old]
    if new not in allowed:
        raise Conflict(
            f"The {field} is {old!r} and cannot become {new!r}; allowed from here: {', '.join(allowed) or 'nothing'}.",
            errors=[{"pointer": f"/{field}", "detail": f"Allowed: {', '.join(allowed) or 'nothing'}."}],
        )
