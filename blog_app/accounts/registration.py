"""Opening an account: whoever wants one gets a mail, and the account opens when its token comes back.

Nobody learns here whether an address has an account: the same is checked, hashed and written in both cases, and only
the mail, which the holder of the address reads, says more. Nobody can take an address that they do not read.
"""

from __future__ import annotations

from datetime import timedelta

from blog_app.accounts import signed_tokens, throttling
from blog_app.accounts.models import Registration, User
from blog_app.accounts.passwords import hash_password
from blog_app.background import mail
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.data.models import now


def register(email: str, name: str, password: str) -> None:
    """Note the wish for an account; a mail to the address follows."""
    mail.require_mail()
    throttling.try_mail(email)
    password_hash = hash_password(password)
    with databases.accounts.atomic():
        _sweep()
        registration = Registration.create(email=email, name=name, password_hash=password_hash)
        publish_event(databases.accounts, "registration.asked", subject=registration.id)


def confirm(token: str) -> User:
    """Open the account that was asked for and return it; raise `Invalid` if the token does not count."""
    wanted = signed_tokens.read(signed_tokens.REGISTRATION, token)
    registration = Registration.get_or_none(Registration.id == wanted["id"])
    if registration is None or not Registration.delete().where(Registration.id == registration.id).execute():
        raise signed_tokens.refused()
    return User.open(registration.email, registration.name, registration.password_hash)


def _sweep() -> None:
    """Forget the wishes whose token has expired."""
    oldest = now() - timedelta(hours=signed_tokens.REGISTRATION.hours)
    Registration.delete().where(Registration.created_at < oldest).execute()
