"""Customers: their shipping addresses and their monthly purchase limit."""

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


def add_address(user_id: UUID, **values: Any) -> Address:
    """Add a shipping address; raise `Conflict` if the customer has `MAX_ADDRESSES` already."""
    Customer.locked(user_id)
    if Address.select().where(Address.user_id == user_id).count() >= MAX_ADDRESSES:
        raise Conflict(f"You already have the maximum of {MAX_ADDRESSES} addresses. Delete one first.")
    return Address.create(user_id=user_id, **values)


def purchase_limit_of(user_id: UUID) -> dict[str, Decimal]:
    """Return the user's `monthly_limit`, and how much of it is `spent` and `left`."""
    _require_user(user_id)
    return _limit_status(Customer.get_or_none(Customer.user_id == user_id), user_id)


def set_purchase_limit(user_id: UUID, monthly_limit: Decimal | None) -> dict[str, Decimal]:
    """Set the user's monthly limit, None for the default; return the same as `purchase_limit_of`."""
    _require_user(user_id)
    return _limit_status(Customer.locked(user_id).change(monthly_limit=monthly_limit), user_id)


def require_within_limit(customer: Customer, total: Decimal) -> None:
    """Raise `Conflict` if an order of `total` exceeds the monthly limit of the customer, whose row is locked."""
    status = _limit_status(customer, customer.user_id)
    if total > status["left"]:
        raise Conflict(
            f"The order total is {total}, but only {status['left']} of the monthly limit of "
            f"{status['monthly_limit']} is left."
        )


def _limit_status(customer: Customer | None, user_id: UUID) -> dict[str, Decimal]:
    own = customer.monthly_limit if customer else None
    limit = DEFAULT_MONTHLY_LIMIT if own is None else own
    spent = _spent_this_month(user_id)
    return {"monthly_limit": limit, "spent": spent, "left": max(limit - spent, Decimal("0.00"))}


def _spent_this_month(user_id: UUID) -> Decimal:
    """Return the total of the user's orders of this month (UTC), without cancelled ones."""
    first = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    counts = (Order.user_id == user_id) & (Order.created_at >= first) & (Order.status != "cancelled")
    return Order.select(peewee.fn.SUM(Order.total)).where(counts).scalar() or Decimal("0.00")


def _require_user(user_id: UUID) -> None:
    if not directory.existing_ids([str(user_id)]):
        raise NotFound("No such user.")
