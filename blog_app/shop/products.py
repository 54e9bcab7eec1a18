"""What happens to products: they are offered, changed and withdrawn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from blog_app.data.models import any_of, now
from blog_app.data.slugs import insert_with_slug
from blog_app.errors import invalid
from blog_app.shop import pricing, stock
from blog_app.shop.models import Product


def offer(vendor_id: UUID, **values: Any) -> Product:
    """Put a new product on sale and return it."""
    pricing.require_price(values["type"], values["price"])
    stock.require_stock(values["type"], values["stock"])
    product: Product = insert_with_slug(Product, values["name"], vendor_id=vendor_id, **values)
    return product


def change(product: Product, *, any_price: bool, **values: Any) -> Product:
    """Give the product these values; its type and slug stay. `any_price` lifts the limit on steps of the price."""
    if values["type"] != product.type:
        raise invalid("type", f"The type of a product stays what it is: {product.type}.")
    price: Decimal = values["price"]
    pricing.require_price(product.type, price)
    if not any_price:
        pricing.require_small_step(product, price)
    stock.require_stock(product.type, values["stock"], reserved=product.reserved)
    product.change(**values)
    return product


def withdraw_all(vendor_id: UUID) -> None:
    """Take everything that this vendor sells off sale."""
    on_sale = Product.select(Product.id).where((Product.vendor_id == vendor_id) & Product.active)
    locked = stock.lock(product_id for (product_id,) in on_sale.tuples())
    values = {"active": False, "version": Product.version + 1, "updated_at": now()}
    Product.update(values).where(any_of(Product.id, list(locked))).execute()
