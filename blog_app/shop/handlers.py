"""The outbox handlers of the shop: account deletion cancels open orders; order mails are sent."""

from __future__ import annotations

from blog_app.accounts import directory
from blog_app.background import mail
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.data import databases
from blog_app.shop import mail_texts, orders, products
from blog_app.shop.models import Address, Customer, Order


@event_handler("user.left", databases.shop)
def close_customer(event: Event) -> None:
    """Cancel the open orders of a user who deleted their account, and delete their saved addresses.

    Orders stay, with their shipping address: bookkeeping needs them.
    """
    Customer.delete().where(Customer.user_id == event.subject).execute()  # First: a checkout locks it first, too.
    Address.delete().where(Address.user_id == event.subject).execute()
    orders.cancel_all_open(event.subject)


@event_handler("user.left", databases.shop)
def close_vendor(event: Event) -> None:
    """Take the products of a vendor who deleted their account off sale."""
    products.deactivate_all_of(event.subject)


@event_handler("order.placed", databases.shop, external=True)
@event_handler("order.changed", databases.shop, external=True)
def tell_customer(event: Event) -> None:
    """Mail an order confirmation, or a change of an order, to a customer who still has an account."""
    order = Order.get_by_id(event.subject)
    to = directory.emails([str(order.user_id)]).get(str(order.user_id))
    if to is None:
        with databases.shop.atomic():
            orders.cancel_all_open(order.user_id)  # This order may have been placed while they left.
        return
    is_new = event.name == "order.placed"
    mail_text = mail_texts.order_confirmation(order) if is_new else mail_texts.order_change(order, event.payload["new"])
    mail.send(event, to, *mail_text)
