"""Stock and reservations: open orders reserve stock; shipping takes it, cancelling releases it.

Lock order: products by identifier, locked before their stock changes, so no two transactions deadlock. `checkout`
checks availability on the locked rows, so nothing is sold twice; a CHECK constraint guards it besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import peewee

from blog_app.data.models import any_of, now
from blog_app.errors import Conflict, invalid
from blog_app.shop.models import Order, OrderItem, Product
from blog_app.shop.models.products import PRODUCT_TYPES

WITH_STOCK = tuple(name for name, rules in PRODUCT_TYPES.items() if rules.has_stock)
Quantities = Mapping[UUID, int]


def require_stock(type_name: str, stock: int | None, *, reserved: int = 0) -> None:
    """Raise `Invalid` or `Conflict` unless a product of this type may have this stock while `reserved` is reserved."""
    if not PRODUCT_TYPES[type_name].has_stock:
        if stock is not None:
            raise invalid("stock", f"Must be null for {type_name} products.")
    elif stock is None:
        raise invalid("stock", f"Required for {type_name} products.")
    elif stock < reserved:
        raise Conflict(
            f"Open orders reserve {reserved} units. The stock cannot be less.",
            errors=[{"pointer": "/stock", "detail": f"Must be at least {reserved}."}],
        )


def lock(product_ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Return the products with these identifiers, deleted ones too, locked until the transaction ends."""
    query = Product.with_deleted().where(any_of(Product.id, sorted(product_ids))).order_by(Product.id)
    return {product.id: product for product in query.for_update("FOR NO KEY UPDATE")}


def reserve(quantities: Quantities) -> None:
    """Reserve these quantities of products, whose rows are locked and have as many available."""
    _update_stock(quantities, reserved=1)


def release(orders: Iterable[Order]) -> None:
    """Release what these orders reserve: it is available again."""
    _update_stock(_reserved_by(orders), reserved=-1)


def ship(orders: Iterable[Order]) -> None:
    """Take what these orders reserve out of the stock."""
    _update_stock(_reserved_by(orders), reserved=-1, stock=-1)


def _reserved_by(orders: Iterable[Order]) -> Quantities:
    """Return how much these orders reserve of each product that has stock, after locking the products."""
    total = peewee.fn.SUM(OrderItem.quantity)
    query = (
        OrderItem.select(Product.id, total)
        .join(Product)
        .where(any_of(OrderItem.order, [order.id for order in orders]) & Product.type.in_(WITH_STOCK))
        .group_by(Product.id)
        .tuples()
    )
    quantities = dict(query)
    lock(quantities)
    return quantities


def _update_stock(quantities: Quantities, **signs: int) -> None:
    """Add each quantity, times the sign, to these columns of its product, in one statement."""
    if not quantities:
        return
    rows = peewee.ValuesList(list(quantities.items()), columns=("product_id", "quantity"), alias="changes")
    product_id, quantity = rows.c.product_id.cast("uuid"), rows.c.quantity.cast("integer")
    changes: dict[str, Any] = {name: getattr(Product, name) + quantity * sign for name, sign in signs.items()}
    if "stock" in signs:  # A vendor edits the stock; reservations do not change the version.
        changes |= {"version": Product.version + 1, "updated_at": now()}
    Product.update(changes).from_(rows).where(Product.id == product_id).execute()
