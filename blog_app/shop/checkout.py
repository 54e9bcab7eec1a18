"""The checkout: places an order in one transaction, all or nothing.

Lock order, the same everywhere: the customer, then the products by identifier. So the monthly limit holds for
concurrent orders of one customer, no two checkouts deadlock, and the last item is sold once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from blog_app.background.outbox.publishing import publish_event
from blog_app.config import settings
from blog_app.data import databases
from blog_app.errors import Conflict, Invalid, invalid
from blog_app.shop import customers, stock
from blog_app.shop.models import Address, Customer, Order, OrderChange, OrderItem, Product

Items = Sequence[Mapping[str, Any]]
Products = Mapping[UUID, Product]


def place_order(user_id: UUID, items: Items, address_id: UUID | None) -> Order:
    """Order `items`, each a `product_id` and a `quantity`, at the current prices; return the order.

    Raises `Invalid` for products that are not on sale, and `Conflict` if stock or the monthly limit do not suffice.
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
    return _insert_order(user_id, items, products, total, address)


def _require_on_sale(items: Items, products: Products) -> None:
    missing = [
        {"pointer": f"/items/{index}/product_id", "detail": "This product is not on sale."}
        for index, item in enumerate(items)
        if item["product_id"] not in products or not products[item["product_id"]].on_sale
    ]
    if missing:
        raise Invalid("Some of the products are not on sale.", errors=missing)


def _require_available(items: Items, products: Products) -> None:
    short = [
        {"pointer": f"/items/{index}/quantity", "detail": f"Only {available} of {product.name!r} left."}
        for index, item in enumerate(items)
        if (available := (product := products[item["product_id"]]).available) is not None
        and item["quantity"] > available
    ]
    if short:
        raise Conflict("Not enough stock for this order.", errors=short)


def _shipping_address(user_id: UUID, address_id: UUID | None, products: Products) -> dict[str, str] | None:
    if address_id is None:
        if any(product.rules.has_stock for product in products.values()):
            raise invalid("address_id", "A shipping address is required for physical products.")
        return None
    address = Address.get_or_none((Address.id == address_id) & (Address.user_id == user_id))
    if address is None:
        raise invalid("address_id", "You have no address with this id.")
    return address.snapshot


def _insert_order(
    user_id: UUID, items: Items, products: Products, total: Decimal, address: dict[str, str] | None
) -> Order:
    currency = settings().currency
    order = Order.create(user_id=user_id, total=total, currency=currency, shipping_address=address)
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
