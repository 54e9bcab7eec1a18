"""Pricing rules: which price a product may have, and by how much it may change at a time."""

from __future__ import annotations

from decimal import Decimal

from blog_app.errors import invalid
from blog_app.shop.models import Product
from blog_app.shop.models.catalogue import PRODUCT_TYPES


def require_price(type_name: str, price: Decimal) -> None:
    """Raise `Invalid` unless a product of this type may have this price."""
    if price == 0 and not PRODUCT_TYPES[type_name].may_be_free:
        raise invalid("price", "Must be more than 0. Only subscriptions can be free.")


def require_small_change(product: Product, price: Decimal) -> None:
    """Raise `Invalid` if the price changes by a larger part than the product's type allows, up or down."""
    max_change = product.rules.max_price_change
    if abs(price - product.price) > product.price * max_change:
        raise invalid(
            "price",
            f"Must not change by more than {max_change:.0%} of {product.price} at a time, "
            "unless an admin sends override_price_limit.",
        )
