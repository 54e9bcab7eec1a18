"""The endpoints of products and product categories."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint, auth
from blog_app.api.auth import allowed, by_id_or_slug, identity
from blog_app.api.resources.schema import DeletedParameter
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.slugs import insert_named
from blog_app.shop import products as actions
from blog_app.shop.models import Product, ProductCategory
from blog_app.shop.schemas.products import ProductCategorySchema, ProductSchema

product_categories = Blueprint("product_categories", database=databases.shop, prefix="/product-categories")
products = Blueprint("products", database=databases.shop)


def category_at(key: str) -> Any:
    return by_id_or_slug(ProductCategory, key)


def category_to_move(key: str) -> Any:
    """Return the query for a category, after locking the tree."""
    ProductCategory.lock_tree()
    return category_at(key)


def product_at(key: str) -> Any:
    return by_id_or_slug(Product, key)


def any_product_at(key: str) -> Any:
    """Return the query for a product, deleted or not."""
    return by_id_or_slug(Product, key, deleted="with")


@product_categories.lists("", ProductCategorySchema)
@hot()
def list_product_categories() -> Any:
    """List product categories, ordered by name."""
    return allowed(ProductCategory)


@product_categories.shows("/<key>", ProductCategorySchema)
@hot(row="key")
def show_product_category(key: str) -> Any:
    """Retrieve a product category by id or slug."""
    return category_at(key)


@product_categories.creates("", ProductCategorySchema)
def create_product_category(name: str, slug: str | None, parent_id: UUID | None, **values: Any) -> ProductCategory:
    """Create a product category."""
    category: ProductCategory = insert_named(ProductCategory, name, slug, parent=parent_id, **values)
    return category


@product_categories.changes("/<key>", ProductCategorySchema, load=category_to_move)
def change_product_category(
    category: ProductCategory, slug: str | None, parent_id: UUID | None, **values: Any
) -> ProductCategory:
    """Update a product category, or move it with its descendants."""
    category.move_to(parent_id)
    return category.change(slug=slug or category.slug, **values)


@product_categories.deletes("/<key>", load=category_to_move)
def delete_product_category(category: ProductCategory) -> None:
    """Delete a product category. Its children move to its parent. Its products remain, without a category."""
    category.remove()


@products.lists("", ProductSchema, parameters=DeletedParameter)
@hot(ProductCategory)
def list_products(deleted: str | None) -> Any:
    """List products on sale, newest first. Vendors also see their own that are off sale; admins see all.

    `q` searches names and descriptions, better matches of the name first. `metadata[colour]=red` finds products by a
    key of their metadata.
    """
    return allowed(Product, deleted=deleted)


@products.shows("/<key>", ProductSchema)
@hot(row="key")
def show_product(key: str) -> Any:
    """Retrieve a product by id or slug."""
    return product_at(key)


@products.creates("", ProductSchema)
def create_product(override_price_limit: bool, **values: Any) -> Product:
    """Create a product."""
    return actions.create(identity().user_id, **values)


@products.changes("/<key>", ProductSchema, load=product_at)
def change_product(product: Product, override_price_limit: bool, **values: Any) -> Product:
    """Update a product. The type does not change.

    A price can change by at most 5 % at a time (subscriptions: 10 %), unless an admin overrides the limit. The stock
    cannot be less than what open orders reserve.
    """
    if override_price_limit:
        auth.require_all()
    return actions.change(product, any_price=override_price_limit, **values)


@products.deletes("/<key>", load=product_at)
def delete_product(product: Product) -> None:
    """Delete a product: it is no longer shown or sold. Orders keep it. An admin can restore it."""
    product.soft_delete()


@products.acts("PUT", "/<key>/restoration", response=ProductSchema, load=any_product_at)
def restore_product(product: Product) -> Product:
    """Restore a deleted product."""
    return product.restore()


@products.deletes("/<key>/remains", load=any_product_at)
def purge_product(product: Product) -> None:
    """Permanently delete a deleted product; 409 if the product is not deleted, or was ordered."""
    actions.purge(product)
