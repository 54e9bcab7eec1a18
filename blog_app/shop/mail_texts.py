"""The mails that the shop sends; their texts are in `mails/`."""

from __future__ import annotations

from datetime import UTC, datetime

from blog_app.background.mail_templates import MailTemplate, MailText
from blog_app.shop.models import Order, OrderItem

PLACED_AT = datetime(2026, 1, 1, tzinfo=UTC)
ITEM = {"quantity": 2, "name": "Kettle", "unit_price": "19.99"}

ORDER_CONFIRMATION = MailTemplate("shop/order_confirmation", reference="8f4e2a", items=[ITEM], total="39.98")
ORDER_CHANGE = MailTemplate("shop/order_change", reference="8f4e2a", new="shipped", placed_at=PLACED_AT)


def order_confirmation(order: Order) -> MailText:
    """Confirm an order, item by item."""
    items = list(OrderItem.select().where(OrderItem.order == order).order_by(OrderItem.id))
    return ORDER_CONFIRMATION.render(reference=_reference(order), items=items, total=order.total)


def order_change(order: Order, new: str) -> MailText:
    """Announce a new status of an order, or of its payment."""
    return ORDER_CHANGE.render(reference=_reference(order), new=new, placed_at=order.created_at)


def _reference(order: Order) -> str:
    """Return the end of an order's identifier, its random part: short enough for people to quote."""
    return str(order.id).rpartition("-")[2]
