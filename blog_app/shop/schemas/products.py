"""The schemas of products and product categories."""

from __future__ import annotations

from marshmallow import fields as ma, validate

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, JsonObject, Money, Slug, String, Timestamp
from blog_app.api.resources.includes import belongs_to
from blog_app.shop import search
from blog_app.shop.models import Product, ProductCategory
from blog_app.shop.models.base import CURRENCY
from blog_app.shop.models.products import PRODUCT_TYPES

MAX_STOCK = 1_000_000_000


def currency_field() -> ma.String:
    """Return the field for the currency of an amount."""
    return ma.String(dump_only=True, metadata={"description": "ISO 4217 code (`CURRENCY`).", "example": "EUR"})


class ProductCategorySchema(Schema):
    """A product category."""

    class Meta:
        model = ProductCategory
        filterable = ("name", "slug", "parent_id")
        sortable = ("name",)
        sort = ("name",)

    id = ma.UUID(dump_only=True)
    name = String(required=True, min_length=1, max_length=80, metadata={"example": "Teaware"})
    slug = Slug(source="name", max_length=100, metadata={"example": "teaware"})
    description = String(max_length=2_000, load_default="")
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata={"description": "The parent category."})
    created_at = Timestamp(dump_only=True)


class ProductSchema(Schema):
    """A product. Physical products have stock; subscriptions can be free."""

    class Meta:
        model = Product
        columns = {
            "available": Product.stock - Product.reserved,
            "currency": CURRENCY,
            "relevance": search.RELEVANCE,
        }
        filterable = (
            "name", "slug", "type", "price", "stock", "available", "active", "vendor_id", "category_id", "created_at",
        )  # fmt: skip
        filters = search.FILTERS
        sortable = ("name", "price", "created_at", "updated_at")
        search = search.SEARCH
        includes = {
            "vendor": person(Product.vendor_id),
            "category": belongs_to(ProductCategorySchema, Product.category),
        }

    id = ma.UUID(dump_only=True)
    type = ma.String(required=True, validate=validate.OneOf(tuple(PRODUCT_TYPES)), metadata={"example": "physical"})
    name = String(required=True, min_length=3, max_length=100, metadata={"example": "Cast-iron kettle"})
    slug = Slug(source="name", max_length=130, metadata={"example": "cast-iron-kettle"})
    description = String(max_length=10_000, load_default="")
    price = Money(required=True)
    currency = currency_field()
    stock = Integer(
        minimum=0,
        maximum=MAX_STOCK,
        load_default=None,
        allow_none=True,
        metadata={"description": "Units in stock. Required for physical products, null for others.", "example": 12},
    )
    reserved = Integer(dump_only=True, metadata={"description": "Units reserved by orders that are not shipped yet."})
    available = Integer(
        dump_only=True, allow_none=True, metadata={"description": "Units that can be ordered; null if unlimited."}
    )
    active = ma.Boolean(load_default=True, metadata={"description": "Whether the product is on sale."})
    metadata = JsonObject(load_default=dict)
    vendor_id = ma.UUID(dump_only=True)
    category_id = ma.UUID(load_default=None, allow_none=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
    deleted_at = Timestamp(
        dump_only=True, allow_none=True, metadata={"description": "When the product was deleted. Only admins see it."}
    )
    relevance = Integer(dump_only=True, metadata={"description": "How well the name matches. Only with `q`."})
    override_price_limit = ma.Boolean(
        load_only=True,
        load_default=False,
        dump_default=False,
        metadata={"description": "Allow a price change of more than 5 % (subscriptions: 10 %). Admins only."},
    )
