"""What a product may cost, and how fast that may change."""

from __future__ import annotations

from decimal import Decimal

from blog_app.errors import invalid
from blog_app.shop.models import TYPES, Product


def require_price(type_name: str, price: Decimal) -> None:
    """Raise `Invalid` unless a product of this type may have this price."""
    if price == 0 and not TYPES[type_name].may_be_free:
        raise invalid("price", "Only a subscription may be free.")


def require_small_step(product: Product, price: Decimal) -> None:
    """Raise `Invalid` if the price changes by more at once than the product's type allows, up or down."""
    step = product.rules.price_step
    if abs(price - product.price) > product.price * step:
        raise invalid(
            "price",
            f"It may change by at most {step:.0%} at once, from {product.price} here; "
            "an admin may override that (override_price_limit).",
        )
