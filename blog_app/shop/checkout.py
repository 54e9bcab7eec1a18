"""The checkout: one transaction from a list of wishes to an order, or nothing.

Locks are taken in one order everywhere: the customer, then the products by identifier. So the monthly limit holds for
two orders of one customer at once, no two checkouts can wait for each other, and the last item is sold once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.errors import Conflict, Invalid, invalid
from blog_app.shop import customers, stock
from blog_app.shop.models import Address, Customer, Order, OrderChange, OrderItem, Product

Items = Sequence[Mapping[str, Any]]


def place(user_id: UUID, items: Items, address_id: UUID | None) -> Order:
    """Order `items`, each a `product_id` and a `quantity`, at today's prices; return the order.

    Raises `Invalid` for what cannot be ordered, and `Conflict` for what is sold out or beyond the monthly limit.
    """
    customer = Customer.locked(user_id)
    products = stock.lock({item["product_id"] for item in items})
    _require_on_sale(items, products)
    _require_available(items, products)
    address = _shipping_address(user_id, address_id, products)
    total = sum((products[item["product_id"]].price * item["quantity"] for item in items), Decimal())
    customers.require_within_limit(customer, total)
    stock.reserve(
        {item["product_id"]: item["quantity"] for item in items if products[item["product_id"]].rules.has_stock}
    )
    return _write(user_id, items, products, total, address)


def _require_on_sale(items: Items, products: Mapping[UUID, Product]) -> None:
    missing = [
        {"pointer": f"/items/{place}/product_id", "detail": "There is no such product on sale."}
        for place, item in enumerate(items)
        if item["product_id"] not in products or not products[item["product_id"]].active
    ]
    if missing:
        raise Invalid("Some of it is not on sale.", errors=missing)


def _require_available(items: Items, products: Mapping[UUID, Product]) -> None:
    short = [
        {"pointer": f"/items/{place}/quantity", "detail": f"Only {available} of {product.name!r} can be ordered."}
        for place, item in enumerate(items)
        if (available := (product := products[item["product_id"]]).available) is not None
        and item["quantity"] > available
    ]
    if short:
        raise Conflict("There is not enough of everything.", errors=short)


def _shipping_address(
    user_id: UUID, address_id: UUID | None, products: Mapping[UUID, Product]
) -> dict[str, str] | None:
    if address_id is None:
        if any(product.rules.has_stock for product in products.values()):
            raise invalid("address_id", "Say where to send it: some of it is physical.")
        return None
    address = Address.get_or_none((Address.id == address_id) & (Address.user_id == user_id))
    if address is None:
        raise invalid("address_id", "You have no such address.")
    label: dict[str, str] = address.label
    return label


def _write(
    user_id: UUID, items: Items, products: Mapping[UUID, Product], total: Decimal, address: dict[str, str] | None
) -> Order:
    order = Order.create(user_id=user_id, total=total, shipping_address=address)
    rows = [
        {
            "order": order,
            "product": item["product_id"],
            "name": products[item["product_id"]].name,
            "unit_price": products[item["product_id"]].price,
            "quantity": item["quantity"],
        }
        for item in items
    ]
    databases.shop.pipeline(OrderItem.insert_many(rows))
    OrderChange.create(order=order, field="status", new=order.status, changed_by=user_id)
    publish_event(databases.shop, "order.placed", subject=order.id)
    return order
