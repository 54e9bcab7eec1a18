"""Registration with email confirmation: a mail brings a token, and the token creates the account.

No account enumeration: the API checks, hashes and writes the same whether or not the address has an account; only the
mail says more. Nobody can register an address whose mail they do not read.
"""

from __future__ import annotations

from datetime import timedelta

from blog_app.accounts import roles, signed_tokens, throttling
from blog_app.accounts.models import Registration, User
from blog_app.accounts.passwords import hash_password, require_strong
from blog_app.background import mail
from blog_app.background.outbox.publishing import publish_event
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.models import now


def register(email: str, name: str, password: str) -> None:
    """Store a registration; a mail to the address follows."""
    mail.require_mail()
    require_strong(password, email, name)
    throttling.count_mail_request(email)
    password_hash = hash_password(password)
    with databases.accounts.atomic():
        _delete_expired()
        registration = Registration.create(email=email, name=name, password_hash=password_hash)
        publish_event(databases.accounts, "registration.asked", subject=registration.id)


def confirm(token: str) -> User:
    """Create the account of a registration, with the roles of NEW_USER_ROLES; raise `Invalid` for an invalid token."""
    content = signed_tokens.verify(token, signed_tokens.REGISTRATION)
    registration = Registration.get_or_none(Registration.id == content["id"])
    if registration is None or not Registration.delete().where(Registration.id == registration.id).execute():
        raise signed_tokens.invalid_token()
    user = User.create_with_profile(registration.email, registration.name, registration.password_hash)
    roles.give(user.id, settings().new_user_roles, granted_by=None)
    return user


def _delete_expired() -> None:
    """Delete the registrations whose token has expired."""
    oldest = now() - timedelta(hours=signed_tokens.REGISTRATION.hours)
    Registration.delete().where(Registration.created_at < oldest).execute()
