"""Changing an order's status and payment. Each change is recorded, and published as an event."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.shop import stock
from blog_app.shop.models import Order, OrderChange
from blog_app.shop.models.orders import OPEN_STATUSES
from blog_app.shop.order_states import require_transition


def set_status(order: Order, status: str, by: UUID | None) -> Order:
    """Set the status of an order, whose row is locked; raise `Conflict` if the transition is not allowed."""
    require_transition("status", order.status, status)
    if status == "shipped":
        stock.ship([order])
    elif status == "cancelled":
        stock.release([order])
    return _change(order, "status", status, by)


def set_payment(order: Order, payment: str, by: UUID) -> Order:
    """Set the payment status of an order, whose row is locked; raise `Conflict` if the transition is not allowed."""
    require_transition("payment", order.payment, payment)
    return _change(order, "payment", payment, by)


def cancel_all_open(user_id: UUID) -> None:
    """Cancel every order of a user that is not shipped yet, and release the stock of all in one statement."""
    is_open = (Order.user_id == user_id) & Order.status.in_(OPEN_STATUSES)
    orders: Sequence[Order] = list(Order.select().where(is_open).order_by(Order.id).for_update())
    stock.release(orders)
    for order in orders:
        _change(order, "status", "cancelled", None)


def _change(order: Order, field: str, new: str, by: UUID | None) -> Order:
    old = getattr(order, field)
    order.change(**{field: new})
    OrderChange.create(order=order, field=field, old=old, new=new, changed_by=by)
    publish_event(databases.shop, "order.changed", subject=order.id, field=field, new=new)
    return order
