"""What becomes of an order: its status and its payment change, each step noted and told."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.shop import stock
from blog_app.shop.models import Order, OrderChange
from blog_app.shop.models.orders import OPEN
from blog_app.shop.order_states import require_step


def set_status(order: Order, status: str, by: UUID | None) -> Order:
    """Move the order, whose row is locked, to another status; raise `Conflict` naming what is allowed."""
    require_step("status", order.status, status)
    if status == "shipped":
        stock.send([order])
    elif status == "cancelled":
        stock.release([order])
    return _change(order, "status", status, by)


def set_payment(order: Order, payment: str, by: UUID) -> Order:
    """Move the order's payment to another state; raise `Conflict` naming what is allowed."""
    require_step("payment", order.payment, payment)
    return _change(order, "payment", payment, by)


def cancel_all_open(user_id: UUID) -> None:
    """Cancel every order of a user that is not sent yet; all of their stock returns at once."""
    is_open = (Order.user_id == user_id) & Order.status.in_(OPEN)
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
