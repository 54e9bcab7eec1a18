"""The schemas of shipping addresses and purchase limits."""

from __future__ import annotations

from typing import Any

from marshmallow import fields as ma, post_load

from blog_app.api import Schema
from blog_app.api.resources.fields import Money, String, Timestamp
from blog_app.shop import address_validation
from blog_app.shop.models import Address


class ShippingAddressSchema(Schema):
    """A shipping address, validated by the rules of its country."""

    class Meta:
        model = Address
        filterable = ("country_code", "city")
        sortable = ("created_at", "name")

    id = ma.UUID(dump_only=True)
    name = String(required=True, min_length=1, max_length=100, metadata={"example": "Samuel Beckett"})
    street_address = String(required=True, min_length=1, max_length=200, metadata={"example": "15 Westland Row"})
    city = String(required=True, max_length=100, metadata={"example": "Dublin"})
    country_area = String(
        max_length=100, load_default="", metadata={"description": "State, province or region, if the country has one."}
    )
    postal_code = String(max_length=20, load_default="", metadata={"example": "D02 HH29"})
    country_code = String(required=True, min_length=2, max_length=2, metadata={"example": "IE"})
    created_at = Timestamp(dump_only=True)

    @post_load
    def check_by_country(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the address in normalized form; a part that its country does not allow is an error of its field."""
        return address_validation.validate_address(data)


class PurchaseLimitSchema(Schema):
    """A monthly purchase limit (UTC months), and how much of it is left."""

    monthly_limit = Money(required=True)
    spent = Money(required=True)
    left = Money(required=True)


class NewPurchaseLimitSchema(Schema):
    """A monthly purchase limit; null for the default limit."""

    monthly_limit = Money(required=True, allow_none=True)
