"""Stock: how much there is, and what orders hold of it.

Whoever changes the stock of several products locks their rows first, in the order of their identifiers, so no two can
wait for each other. The row that decides is locked, so nothing is sold twice; a CHECK guards it besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import peewee

from blog_app.data.models import any_of, now
from blog_app.errors import Conflict, invalid
from blog_app.shop.models import TYPES, Order, OrderItem, Product

WITH_STOCK = tuple(name for name, rules in TYPES.items() if rules.has_stock)
Quantities = Mapping[UUID, int]


def require_stock(type_name: str, stock: int | None, *, reserved: int = 0) -> None:
    """Raise an error unless a product of this type may have this stock while orders hold `reserved` of it."""
    if not TYPES[type_name].has_stock:
        if stock is not None:
            raise invalid("stock", f"A {type_name} product has none.")
    elif stock is None:
        raise invalid("stock", f"A {type_name} product needs one.")
    elif stock < reserved:
        raise Conflict(
            f"Orders that are not sent yet hold {reserved} of it, so the stock may not be less.",
            errors=[{"pointer": "/stock", "detail": f"Must be at least {reserved}."}],
        )


def lock(product_ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Return the products with these identifiers, locked until the transaction ends."""
    query = Product.select().where(any_of(Product.id, sorted(product_ids))).order_by(Product.id)
    return {product.id: product for product in query.for_update("FOR NO KEY UPDATE")}


def reserve(quantities: Quantities) -> None:
    """Hold so many of each product, whose rows are locked and have that many to sell."""
    _add(quantities, reserved=1)


def release(orders: Iterable[Order]) -> None:
    """Give back what these orders hold: it can be sold again."""
    _add(_held_by(orders), reserved=-1)


def send(orders: Iterable[Order]) -> None:
    """Take what these orders hold out of the stock: it is gone."""
    _add(_held_by(orders), reserved=-1, stock=-1)


def _held_by(orders: Iterable[Order]) -> Quantities:
    """Return how many of each product that has stock these orders hold, after locking the products."""
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


def _add(quantities: Quantities, **signs: int) -> None:
    """Add each quantity, times the sign, to these columns of its product: one statement for all."""
    if not quantities:
        return
    rows = peewee.ValuesList(list(quantities.items()), columns=("product_id", "quantity"), alias="taken")
    product_id, quantity = rows.c.product_id.cast("uuid"), rows.c.quantity.cast("integer")
    changes: dict[str, Any] = {name: getattr(Product, name) + quantity * sign for name, sign in signs.items()}
    if "stock" in signs:  # What a vendor edits has changed; reservations leave the version alone.
        changes |= {"version": Product.version + 1, "updated_at": now()}
    Product.update(changes).from_(rows).where(Product.id == product_id).execute()
