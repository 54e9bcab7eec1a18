"""What the shop does when something happened elsewhere, or later."""

from __future__ import annotations

from blog_app.accounts import directory
from blog_app.background import mail
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.data import databases
from blog_app.shop import mail_texts, orders, products
from blog_app.shop.models import Address, Customer, Order


@event_handler("user.left", databases.shop)
def close_customer(event: Event) -> None:
    """Cancel what a user who left has not been sent, and forget their addresses.

    Orders stay, with the address that they were sent to: the books must.
    """
    Customer.delete().where(Customer.user_id == event.subject).execute()  # First, as a checkout locks it first.
    Address.delete().where(Address.user_id == event.subject).execute()
    orders.cancel_all_open(event.subject)


@event_handler("user.left", databases.shop)
def close_vendor(event: Event) -> None:
    """Take what a user who left was selling off sale."""
    products.withdraw_all(event.subject)


@event_handler("order.placed", databases.shop)
@event_handler("order.changed", databases.shop)
def tell_customer(event: Event) -> None:
    """Confirm an order, and tell what becomes of it, by mail, to those who have not left, where there is mail."""
    order = Order.get_by_id(event.subject)
    to = directory.addresses([str(order.user_id)]).get(str(order.user_id))
    if to is None:
        orders.cancel_all_open(order.user_id)  # This one may have been on its way while they left.
        return
    is_new = event.name == "order.placed"
    letter = mail_texts.confirm(order) if is_new else mail_texts.tell_change(order, event.payload["new"])
    mail.send(event, to, *letter)
