"""The endpoints of shipping addresses and purchase limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases
from blog_app.shop import customers as actions
from blog_app.shop.models import Address
from blog_app.shop.schemas.customers import NewPurchaseLimitSchema, PurchaseLimitSchema, ShippingAddressSchema

addresses = Blueprint("addresses", database=databases.shop)
customers = Blueprint("customers", database=databases.shop, prefix="")


def address_at(address_id: UUID) -> Any:
    return allowed(Address).where(Address.id == address_id)


@addresses.lists("", ShippingAddressSchema)
def list_addresses() -> Any:
    """List your addresses."""
    return allowed(Address)


@addresses.shows("/<uuid:address_id>", ShippingAddressSchema)
def show_address(address_id: UUID) -> Any:
    """Retrieve one of your addresses."""
    return address_at(address_id)


@addresses.creates("", ShippingAddressSchema)
def create_address(**values: Any) -> Address:
    """Add an address."""
    return actions.add_address(identity().user_id, **values)


@addresses.changes("/<uuid:address_id>", ShippingAddressSchema, load=address_at)
def change_address(address: Address, **values: Any) -> Address:
    """Update one of your addresses. Existing orders keep the address they were placed with."""
    return address.change(**values)


@addresses.deletes("/<uuid:address_id>", load=address_at)
def delete_address(address: Address) -> None:
    """Delete one of your addresses. Existing orders keep the address they were placed with."""
    address.delete_instance()


@customers.computes("/me/purchase-limit", PurchaseLimitSchema)
def show_my_purchase_limit() -> dict[str, Decimal]:
    """Retrieve your purchase limit for this month."""
    return actions.purchase_limit_of(identity().user_id)


@customers.computes("/customers/<uuid:user_id>/purchase-limit", PurchaseLimitSchema)
def show_purchase_limit(user_id: UUID) -> dict[str, Decimal]:
    """Retrieve a customer's purchase limit for this month."""
    return actions.purchase_limit_of(user_id)


@customers.acts(
    "PUT", "/customers/<uuid:user_id>/purchase-limit", body=NewPurchaseLimitSchema, response=PurchaseLimitSchema
)
def set_purchase_limit(user_id: UUID, monthly_limit: Decimal | None) -> dict[str, Decimal]:
    """Set a customer's monthly purchase limit. Existing orders are not affected."""
    return actions.set_purchase_limit(user_id, monthly_limit)
