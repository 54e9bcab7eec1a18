"""Products, product types and product categories."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import peewee

from blog_app.api.resources.trees import Tree
from blog_app.data.models import SoftDeletable
from blog_app.errors import Conflict, Invalid, explain_constraint
from blog_app.permissions import Scope
from blog_app.shop.models.base import ShopRecord, money_field


class ProductType(NamedTuple):
    """The rules of a product type."""

    has_stock: bool
    may_be_free: bool
    max_price_change: Decimal
    """The largest change of a price at a time, as a part of it."""


PRODUCT_TYPES: Mapping[str, ProductType] = {
    # type                      has stock  may be free  max price change
    "physical":     ProductType(True,      False,       Decimal("0.05")),
    "digital":      ProductType(False,     False,       Decimal("0.05")),
    "subscription": ProductType(False,     True,        Decimal("0.10")),
}  # fmt: skip


class ProductCategory(Tree, ShopRecord):
    """A category of products; a product has one or none. A category may have a parent."""

    name = peewee.CharField(max_length=80)
    slug = peewee.CharField(max_length=100, unique=True)
    description = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])

    parent = peewee.ForeignKeyField("self", backref="children", null=True)

    class Meta:
        table_name = "product_categories"
        audited = ("name", "slug", "parent")
        redacted = ("description",)

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the categories that a caller with this scope may see: all of them."""
        return cls.select()


class Product(ShopRecord, SoftDeletable):
    """A product of one of three types, in one table.

    Open orders reserve `reserved` units of `stock`; the rest is available. Only physical products have stock. A
    reservation does not change the version: a sale must not make a vendor's `If-Match` fail.
    """

    vendor_id = peewee.UUIDField(index=True)
    category = peewee.ForeignKeyField(ProductCategory, backref="products", null=True, on_delete="SET NULL")
    type = peewee.CharField(max_length=20)
    name = peewee.CharField(max_length=100)
    slug = peewee.CharField(max_length=130, unique=True)
    description = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    price = money_field()
    stock = peewee.IntegerField(null=True)
    reserved = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    active = peewee.BooleanField(default=True, constraints=[peewee.SQL("DEFAULT true")])
    metadata = peewee.JSONField(default=dict, constraints=[peewee.SQL("DEFAULT '{}'")])

    class Meta:
        table_name = "products"
        audited = ("category", "type", "name", "slug", "price", "stock", "active", "deleted_at")
        redacted = ("description", "metadata")
        constraints = [
            peewee.Check("type IN ('physical', 'digital', 'subscription')", name="products_type_is_known"),
            peewee.Check("char_length(name) >= 3", name="products_name_is_long_enough"),
            peewee.Check("price > 0 OR (price = 0 AND type = 'subscription')", name="products_price_is_positive"),
            peewee.Check("(stock IS NOT NULL) = (type = 'physical')", name="products_physical_have_stock"),
            peewee.Check("reserved >= 0 AND reserved <= coalesce(stock, 0)", name="products_stock_covers_reserved"),
        ]

    owner_id = property(attrgetter("vendor_id"))

    @property
    def rules(self) -> ProductType:
        """The rules of this product's type."""
        return PRODUCT_TYPES[self.type]

    @property
    def on_sale(self) -> bool:
        """Whether it can be ordered."""
        return self.active and self.deleted_at is None

    @property
    def available(self) -> int | None:
        """How many units can be ordered, None if unlimited."""
        return self.stock - self.reserved if self.rules.has_stock else None

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the products that a caller with this scope may see: those on sale, their own, or all."""
        if scope is Scope.ALL:
            return cls.select()
        return cls.select().where(cls.active | (cls.vendor_id == user_id) if scope is Scope.OWN else cls.active)


_name, _description = (f"to_tsvector('english', {column})" for column in ("name", "description"))
_text = peewee.SQL(f"(setweight({_name}, 'A') || setweight({_description}, 'C'))")
_metadata = peewee.SQL("(metadata::jsonb) jsonb_path_ops")
Product.add_index(Product.index(_metadata, using="gin", name="products_metadata"))
Product.add_index(Product.index(_text, using="gin", name="products_text"))
Product.add_index(Product.price, Product.id, name="products_price")
ProductCategory.add_index(ProductCategory.index(peewee.SQL("lower(name)"), unique=True, name="product_categories_name"))
explain_constraint("product_categories_name", "name", "A category with this name already exists.")
explain_constraint("product_categories_parent_id_fkey", "parent_id", "Category not found.", status=Invalid)
explain_constraint("product_categories_slug", "slug", "A category with this slug already exists.")
explain_constraint("products_slug", "slug", "A product with this slug already exists.")
explain_constraint("products_category_id_fkey", "category_id", "No such category.", status=Invalid)
explain_constraint(
    "order_items_product_id_fkey",
    "deleted_at",
    "The product has been ordered and cannot be deleted permanently.",
    status=Conflict,
)
