"""The mails that the shop sends: each function returns a subject and a body."""

from __future__ import annotations

from blog_app.background.mail import MailText, compose
from blog_app.shop.models import Order, OrderItem

CHANGES = {
    "processing": "We are preparing your order.",
    "shipped": "Your order has been shipped.",
    "delivered": "Your order has been delivered.",
    "cancelled": "Your order has been cancelled. Nothing will be shipped.",
    "paid": "We have received your payment. Thank you.",
    "failed": "Your payment failed.",
    "refunded": "We are refunding your payment.",
}


def order_confirmation(order: Order) -> MailText:
    """Confirm an order, item by item."""
    items = OrderItem.select().where(OrderItem.order == order).order_by(OrderItem.id)
    lines = [f"{item.quantity} x {item.name}, {item.unit_price} each" for item in items]
    return compose(
        f"Your order {_reference(order)}", "Thank you for your order:", "\n".join(lines), f"Total: {order.total}"
    )


def order_change(order: Order, new: str) -> MailText:
    """Announce a new status of an order, or of its payment."""
    return compose(
        f"Your order {_reference(order)}: {new}", CHANGES[new], f"Order placed on {order.created_at:%d %B %Y}."
    )


def _reference(order: Order) -> str:
    """Return the end of an order's identifier, its random part: short enough for people to quote."""
    return str(order.id).rpartition("-")[2]
