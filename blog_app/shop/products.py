"""Creating, changing and deactivating products, and the pricing rules of their types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from blog_app.data.models import any_of, now
from blog_app.data.slugs import insert_named
from blog_app.errors import invalid, require_deleted
from blog_app.shop import stock
from blog_app.shop.models import Product
from blog_app.shop.models.products import PRODUCT_TYPES


def create(vendor_id: UUID, name: str, slug: str | None = None, **values: Any) -> Product:
    """Create a product and return it."""
    _require_price(values["type"], values["price"])
    stock.require_stock(values["type"], values["stock"])
    product: Product = insert_named(Product, name, slug, vendor_id=vendor_id, **values)
    return product


def change(product: Product, *, any_price: bool, slug: str | None, **values: Any) -> Product:
    """Change a product; its type stays. `any_price` lifts the limit on price changes."""
    if values["type"] != product.type:
        raise invalid("type", f"The type of a product cannot be changed. It is {product.type!r}.")
    _require_price(product.type, values["price"])
    if not any_price:
        _require_small_change(product, values["price"])
    stock.require_stock(product.type, values["stock"], reserved=product.reserved)
    return product.change(slug=slug or product.slug, **values)


def deactivate_all_of(vendor_id: UUID) -> None:
    """Take all products of this vendor off sale."""
    on_sale = Product.with_deleted().select(Product.id).where((Product.vendor_id == vendor_id) & Product.active)
    locked = stock.lock(product_id for (product_id,) in on_sale.tuples())
    values = {"active": False, "version": Product.version + 1, "updated_at": now()}
    Product.update(values).where(any_of(Product.id, list(locked))).execute()


def purge(product: Product) -> None:
    """Permanently delete a deleted product; raise `Conflict` if it is not deleted."""
    require_deleted(product)
    product.delete_instance()


def _require_price(type_name: str, price: Decimal) -> None:
    """Raise `Invalid` unless a product of this type may have this price."""
    if price == 0 and not PRODUCT_TYPES[type_name].may_be_free:
        raise invalid("price", "Must be more than 0. Only subscriptions can be free.")


def _require_small_change(product: Product, price: Decimal) -> None:
    """Raise `Invalid` if the price changes by a larger part than the product's type allows, up or down."""
    max_change = product.rules.max_price_change
    if abs(price - product.price) > product.price * max_change:
        raise invalid(
            "price",
            f"Must not change by more than {max_change:.0%} of {product.price} at a time, "
            "unless an admin sends override_price_limit.",
        )
