"""What the shop does when something happened elsewhere, or later."""

from __future__ import annotations

import logging

from blog_app import databases, mail, outbox
from blog_app.accounts import directory
from blog_app.config import settings
from blog_app.errors import Unavailable
from blog_app.shop import letters, orders, products
from blog_app.shop.models import Address, Customer, Order

log = logging.getLogger(__name__)


@outbox.on("user.left", databases.shop)
def close_customer(event: outbox.Event) -> None:
    """Cancel what a user who left has not been sent, and forget their addresses.

    Orders stay, with the address that they were sent to: the books must.
    """
    Customer.delete().where(Customer.user_id == event.subject).execute()  # First, as a checkout locks it first.
    Address.delete().where(Address.user_id == event.subject).execute()
    orders.cancel_all_open(event.subject)


@outbox.on("user.left", databases.shop)
def close_vendor(event: outbox.Event) -> None:
    """Take what a user who left was selling off sale."""
    products.withdraw_all(event.subject)


@outbox.on("order.placed", databases.shop)
@outbox.on("order.changed", databases.shop)
def tell_customer(event: outbox.Event) -> None:
    """Confirm an order, and tell what becomes of it, by mail, to those who have not left, where there is mail."""
    order = Order.get_by_id(event.subject)
    to = directory.addresses([str(order.user_id)]).get(str(order.user_id))
    if to is None or settings().mail_url is None:
        log.info("nobody is told by mail of %s %s", event.name, event.id)
        return
    if event.name == "order.placed":
        subject, text = letters.confirm(order)
    else:
        subject, text = letters.tell_change(order, event.payload["new"])
    try:
        mail.send(to, subject, text, key=str(event.id))
    except Unavailable as error:
        raise outbox.Away(error.detail) from error
