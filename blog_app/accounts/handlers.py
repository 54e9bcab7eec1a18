"""The outbox handlers of the accounts domain: they send the mails for registrations, invitations, password resets and
changes of address, and take over the blog's numbers of posts.

Tokens are signed here, not when they are requested: none is stored, and each is valid from when it is sent. Only here
is looked up whether an address has an account: the API cannot reveal it, by its response or by its response time.
"""

from __future__ import annotations

from blog_app.accounts import authors, mail_texts, signed_tokens
from blog_app.accounts.models import Registration, User
from blog_app.background import mail
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.data import databases


@event_handler("registration.asked", databases.accounts, external=True)
def answer_registration(event: Event) -> None:
    """Send a confirmation token for a registration, or tell a user that they already have an account."""
    registration = Registration.get_or_none(Registration.id == event.subject)
    if registration is None:
        return
    if User.by_email(registration.email):
        mail_text = mail_texts.ALREADY_REGISTERED.render()
    else:
        token = mail_texts.token_variables(signed_tokens.REGISTRATION, id=str(registration.id))
        mail_text = mail_texts.CONFIRM_REGISTRATION.render(**token)
    mail.send(event, registration.email, *mail_text)


@event_handler("reset.asked", databases.accounts, external=True)
def answer_reset(event: Event) -> None:
    """Send a password reset token to a user, or say that the address has no account."""
    email = event.payload["email"]
    user = User.by_email(email)
    if user and user.status == "active":
        content = {"id": str(user.id), "version": user.credentials_version}
        token = mail_texts.token_variables(signed_tokens.PASSWORD_RESET, **content)
        mail_text = mail_texts.RESET_PASSWORD.render(name=user.name, **token)
    else:
        mail_text = mail_texts.NO_ACCOUNT.render()
    mail.send(event, email, *mail_text)


@event_handler("email.asked", databases.accounts, external=True)
def answer_email_change(event: Event) -> None:
    """Send a confirmation token to a user's new address, or tell its holder that it already has an account."""
    user = User.get_or_none(User.id == event.subject)
    if user is None:
        return
    if User.by_email(event.payload["email"]):
        mail_text = mail_texts.ADDRESS_IN_USE.render()
    else:
        token = mail_texts.token_variables(signed_tokens.EMAIL_CHANGE, id=str(user.id), **event.payload)
        mail_text = mail_texts.CONFIRM_EMAIL_CHANGE.render(name=user.name, **token)
    mail.send(event, event.payload["email"], *mail_text)


@event_handler("authors.counted", databases.accounts)
def count_posts(event: Event) -> None:
    """Store the number of public posts of each author."""
    authors.store_counts(event.payload["posts"])


@event_handler("user.invited", databases.accounts, external=True)
def send_invitation(event: Event) -> None:
    """Send a token with which a user whom an admin created sets their password."""
    user = User.get_or_none(User.id == event.subject)
    if user and user.status == "active":
        content = {"id": str(user.id), "version": user.credentials_version}
        token = mail_texts.token_variables(signed_tokens.INVITATION, **content)
        mail.send(event, user.email, *mail_texts.INVITATION.render(**token))


@event_handler("email.set", databases.accounts, external=True)
def tell_new_address(event: Event) -> None:
    """Tell a user's new address that an admin set it."""
    user = User.get_or_none(User.id == event.subject)
    if user:
        mail.send(event, user.email, *mail_texts.EMAIL_SET.render(name=user.name))


@event_handler("email.set", databases.accounts, external=True)
@event_handler("email.changed", databases.accounts, external=True)
def tell_former_address(event: Event) -> None:
    """Tell a user's old address that the account no longer uses it."""
    user = User.get_or_none(User.id == event.subject)
    if user:
        mail.send(event, event.payload["former"], *mail_texts.EMAIL_CHANGED.render(name=user.name))
