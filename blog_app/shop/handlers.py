"""What the shop does when something happened elsewhere, or later."""

from __future__ import annotations

from blog_app import databases, outbox
from blog_app.shop import orders
from blog_app.shop.models import Address, Customer, Product


@outbox.on("user.left", databases.shop)
def close_customer(event: outbox.Event) -> None:
    """Cancel what a user who left has not been sent, take what they sell off sale, and forget their addresses.

    Orders stay, with the address that they were sent to: the books must.
    """
    orders.cancel_all_open(event.subject)
    Product.update(active=False).where(Product.vendor_id == event.subject).execute()
    Address.delete().where(Address.user_id == event.subject).execute()
    Customer.delete().where(Customer.user_id == event.subject).execute()
