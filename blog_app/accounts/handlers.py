"""The mails of accounts, which the worker sends when somebody has asked for something.

Tokens are signed here, not when they are asked for: none lies in a table, and each is valid from when it is sent. Here
it is also decided who has an account: whoever asks cannot tell, by the answer or by the time that it takes.
"""

from __future__ import annotations

from blog_app.accounts import mail_texts, signing
from blog_app.accounts.models import Registration, User
from blog_app.background import mail
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.data import databases


@event_handler("registration.asked", databases.accounts)
def answer_registration(event: Event) -> None:
    """Send a token to whoever wants an account, or tell a member that they have one."""
    registration = Registration.get_or_none(Registration.id == event.subject)
    if registration is None:
        return
    if User.with_email(registration.email):
        letter = mail_texts.already_a_member()
    else:
        letter = mail_texts.confirm_registration(signing.sign(signing.REGISTRATION, id=str(registration.id)))
    mail.send(event, registration.email, *letter)


@event_handler("reset.asked", databases.accounts)
def answer_reset(event: Event) -> None:
    """Send a token to a member who forgot their password, or tell somebody that they have no account."""
    email = event.payload["email"]
    user = User.with_email(email)
    if user and user.status == "active":
        token = signing.sign(signing.PASSWORD_RESET, id=str(user.id), version=user.credentials_version)
        letter = mail_texts.reset_password(user.name, token)
    else:
        letter = mail_texts.nobody_here()
    mail.send(event, email, *letter)


@event_handler("email.asked", databases.accounts)
def answer_email_change(event: Event) -> None:
    """Send a token to a member's new address, or tell its holder that it has an account already."""
    user = User.get_or_none(User.id == event.subject)
    if user is None:
        return
    if User.with_email(event.payload["email"]):
        letter = mail_texts.address_has_account()
    else:
        token = signing.sign(signing.EMAIL_CHANGE, id=str(user.id), **event.payload)
        letter = mail_texts.confirm_email_change(user.name, token)
    mail.send(event, event.payload["email"], *letter)


@event_handler("email.changed", databases.accounts)
def tell_former_address(event: Event) -> None:
    """Tell a member's old address that it was left."""
    user = User.get_or_none(User.id == event.subject)
    if user:
        mail.send(event, event.payload["former"], *mail_texts.email_was_changed(user.name))
