"""The endpoints for orders."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases
from blog_app.shop import checkout
from blog_app.shop import orders as actions
from blog_app.shop.models import Order
from blog_app.shop.schemas.orders import CheckoutSchema, OrderPaymentSchema, OrderSchema, OrderStatusSchema

orders = Blueprint("orders", database=databases.shop)
my_orders = Blueprint("my_orders", database=databases.shop, prefix="/me/orders")


def order_at(order_id: UUID) -> Any:
    return allowed(Order).where(Order.id == order_id)


@my_orders.lists("", OrderSchema)
def list_my_orders() -> Any:
    """List your orders, the newest first."""
    return allowed(Order)


@orders.lists("", OrderSchema)
def list_orders() -> Any:
    """List your orders, the newest first; admins see everybody's."""
    return allowed(Order)


@orders.shows("/<uuid:order_id>", OrderSchema)
def show_order(order_id: UUID) -> Any:
    """Show an order; `include=changes` shows what became of it, when, and by whom."""
    return order_at(order_id)


@orders.creates("", CheckoutSchema, response=OrderSchema)
def create_order(items: list[dict[str, Any]], address_id: UUID | None) -> Order:
    """Order something: all of it, at the shop's prices, or nothing. Send an `Idempotency-Key`."""
    return checkout.place(identity().user_id, items, address_id)


@orders.does("PUT", "/<uuid:order_id>/cancellation", response=OrderSchema, load=order_at)
def cancel_order(order: Order) -> Order:
    """Cancel an order that is not sent yet; its products can be sold again."""
    return actions.set_status(order, "cancelled", identity().user_id)


@orders.does("PUT", "/<uuid:order_id>/status", body=OrderStatusSchema, response=OrderSchema, load=order_at)
def set_order_status(order: Order, status: str) -> Order:
    """Move an order on: pending, processing, shipped, delivered; or cancelled, until it is shipped."""
    return actions.set_status(order, status, identity().user_id)


@orders.does("PUT", "/<uuid:order_id>/payment", body=OrderPaymentSchema, response=OrderSchema, load=order_at)
def set_order_payment(order: Order, payment: str) -> Order:
    """Note what became of the payment: paid or failed; refunded, once it was paid."""
    return actions.set_payment(order, payment, identity().user_id)
