"""The mails that the shop sends: each function returns a subject and a text."""

from __future__ import annotations

from blog_app.shop.models import Order, OrderItem

Letter = tuple[str, str]

CHANGES = {
    "processing": "We are packing it.",
    "shipped": "It is on its way.",
    "delivered": "It has arrived.",
    "cancelled": "It is cancelled; nothing of it will be sent.",
    "paid": "We have your payment. Thank you.",
    "failed": "The payment did not go through.",
    "refunded": "Your payment is on its way back.",
}


def confirm(order: Order) -> Letter:
    """Confirm an order, item by item."""
    items = OrderItem.select().where(OrderItem.order == order).order_by(OrderItem.id)
    lines = [f"{item.quantity} x {item.name}, {item.unit_price} each" for item in items]
    return f"Your order {reference(order)}", _text(
        "Thank you for your order:", "\n".join(lines), f"In all: {order.total}"
    )


def tell_change(order: Order, new: str) -> Letter:
    """Tell what became of an order, or of its payment."""
    return f"Your order {reference(order)}: {new}", _text(
        CHANGES[new], f"It was placed on {order.created_at:%d %B %Y}."
    )


def reference(order: Order) -> str:
    """Return the end of an order's identifier, its random part: enough for people to talk about it."""
    return str(order.id).rpartition("-")[2]


def _text(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"
