"""Customers: their addresses, and how much they may spend in a month."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import peewee

from blog_app.accounts import directory
from blog_app.data.models import now
from blog_app.errors import Conflict, NotFound
from blog_app.shop.models import Address, Customer, Order
from blog_app.shop.models.customers import DEFAULT_MONTHLY_LIMIT

MAX_ADDRESSES = 20


def note_address(user_id: UUID, **values: Any) -> Address:
    """Add an address to a customer's own; raise `Conflict` if they have too many already."""
    Customer.locked(user_id)
    if Address.select().where(Address.user_id == user_id).count() >= MAX_ADDRESSES:
        raise Conflict(f"You have {MAX_ADDRESSES} addresses already: delete one first.")
    return Address.create(user_id=user_id, **values)


def limit_of(user_id: UUID) -> dict[str, Decimal]:
    """Return the user's `monthly_limit`, what is `spent` of it, and what is `left`."""
    _require_user(user_id)
    return _standing(Customer.get_or_none(Customer.user_id == user_id), user_id)


def set_limit(user_id: UUID, monthly_limit: Decimal | None) -> dict[str, Decimal]:
    """Set how much the user may spend a month, None for the default; return the same as `limit_of`."""
    _require_user(user_id)
    customer = Customer.locked(user_id)
    customer.change(monthly_limit=monthly_limit)
    return _standing(customer, user_id)


def require_within_limit(customer: Customer, total: Decimal) -> None:
    """Raise `Conflict` if the customer, whose row is locked, would spend more this month than they may."""
    standing = _standing(customer, customer.user_id)
    if total > standing["left"]:
        raise Conflict(
            f"This order is {total}; of the monthly limit of {standing['monthly_limit']}, {standing['left']} is left."
        )


def _standing(customer: Customer | None, user_id: UUID) -> dict[str, Decimal]:
    own = customer.monthly_limit if customer else None
    limit = DEFAULT_MONTHLY_LIMIT if own is None else own
    spent = _spent_this_month(user_id)
    return {"monthly_limit": limit, "spent": spent, "left": max(limit - spent, Decimal("0.00"))}


def _spent_this_month(user_id: UUID) -> Decimal:
    """Return what the user's orders of this month (UTC) add up to; cancelled ones do not count."""
    first = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    counts = (Order.user_id == user_id) & (Order.created_at >= first) & (Order.status != "cancelled")
    spent: Decimal | None = Order.select(peewee.fn.SUM(Order.total)).where(counts).scalar()
    return spent if spent is not None else Decimal("0.00")


def _require_user(user_id: UUID) -> None:
    if not directory.existing_ids([str(user_id)]):
        raise NotFound("There is no such user.")
