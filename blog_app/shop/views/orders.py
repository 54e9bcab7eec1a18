"""The endpoints of orders and the checkout."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases
from blog_app.shop import checkout, orders as actions
from blog_app.shop.models import Order
from blog_app.shop.schemas.orders import CheckoutSchema, OrderPaymentUpdateSchema, OrderSchema, OrderStatusUpdateSchema

orders = Blueprint("orders", database=databases.shop)
my_orders = Blueprint("my_orders", database=databases.shop, prefix="/me/orders")


def order_at(order_id: UUID) -> Any:
    return allowed(Order).where(Order.id == order_id)


@my_orders.lists("", OrderSchema)
def list_my_orders() -> Any:
    """List your orders, newest first."""
    return allowed(Order)


@orders.lists("", OrderSchema)
def list_orders() -> Any:
    """List your orders, newest first. Admins see all orders."""
    return allowed(Order)


@orders.shows("/<uuid:order_id>", OrderSchema)
def show_order(order_id: UUID) -> Any:
    """Retrieve an order. `include=changes` adds the history of its status and payment."""
    return order_at(order_id)


@orders.creates("", CheckoutSchema, response=OrderSchema)
def create_order(items: list[dict[str, Any]], address_id: UUID | None) -> Order:
    """Place an order at the current prices, all or nothing. Send an `Idempotency-Key` to retry safely."""
    return checkout.place_order(identity().user_id, items, address_id)


@orders.acts("PUT", "/<uuid:order_id>/cancellation", response=OrderSchema, load=order_at)
def cancel_order(order: Order) -> Order:
    """Cancel an order that is not shipped yet. Its stock becomes available again."""
    return actions.set_status(order, "cancelled", identity().user_id)


@orders.acts("PUT", "/<uuid:order_id>/status", body=OrderStatusUpdateSchema, response=OrderSchema, load=order_at)
def set_order_status(order: Order, status: str) -> Order:
    """Set the status of an order: pending, processing, shipped, delivered; or cancelled, until it is shipped."""
    return actions.set_status(order, status, identity().user_id)


@orders.acts("PUT", "/<uuid:order_id>/payment", body=OrderPaymentUpdateSchema, response=OrderSchema, load=order_at)
def set_order_payment(order: Order, payment: str) -> Order:
    """Set the payment status of an order: pending, then paid or failed; refunded only after paid."""
    return actions.set_payment(order, payment, identity().user_id)
