"""Creating, changing and deactivating products."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.data.models import any_of, now
from blog_app.data.slugs import insert_with_slug
from blog_app.errors import invalid
from blog_app.shop import pricing, stock
from blog_app.shop.models import Product


def create(vendor_id: UUID, **values: Any) -> Product:
    """Create a product and return it."""
    pricing.require_price(values["type"], values["price"])
    stock.require_stock(values["type"], values["stock"])
    return insert_with_slug(Product, values["name"], vendor_id=vendor_id, **values)


def change(product: Product, *, any_price: bool, **values: Any) -> Product:
    """Change a product; its type and slug stay. `any_price` lifts the limit on price changes."""
    if values["type"] != product.type:
        raise invalid("type", f"The type of a product cannot be changed. It is {product.type!r}.")
    pricing.require_price(product.type, values["price"])
    if not any_price:
        pricing.require_small_change(product, values["price"])
    stock.require_stock(product.type, values["stock"], reserved=product.reserved)
    product.change(**values)
    return product


def deactivate_all_of(vendor_id: UUID) -> None:
    """Take all products of this vendor off sale."""
    on_sale = Product.select(Product.id).where((Product.vendor_id == vendor_id) & Product.active)
    locked = stock.lock(product_id for (product_id,) in on_sale.tuples())
    values = {"active": False, "version": Product.version + 1, "updated_at": now()}
    Product.update(values).where(any_of(Product.id, list(locked))).execute()
