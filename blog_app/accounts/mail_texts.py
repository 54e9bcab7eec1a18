"""The mails that the accounts domain sends; their texts are in `mails/`.

User input, such as a name, goes only to confirmed addresses: nobody can send their own words to others from here.
"""

from __future__ import annotations

from typing import Any

from blog_app.accounts import signed_tokens
from blog_app.accounts.signed_tokens import Purpose
from blog_app.background.mail_templates import MailTemplate
from blog_app.config import settings

TOKEN = {"token": "IjEi.aQ", "link": "https://example.com/?token=IjEi.aQ", "hours": 24}
"""Examples of what `token_variables` returns. The link is empty if no page for the token is known."""

CONFIRM_REGISTRATION = MailTemplate("accounts/confirm_registration", **TOKEN)
ALREADY_REGISTERED = MailTemplate("accounts/already_registered")
RESET_PASSWORD = MailTemplate("accounts/reset_password", name="Ada", **TOKEN)
NO_ACCOUNT = MailTemplate("accounts/no_account")
CONFIRM_EMAIL_CHANGE = MailTemplate("accounts/confirm_email_change", name="Ada", **TOKEN)
ADDRESS_IN_USE = MailTemplate("accounts/address_in_use")
EMAIL_CHANGED = MailTemplate("accounts/email_changed", name="Ada")
INVITATION = MailTemplate("accounts/invitation", **TOKEN)
EMAIL_SET = MailTemplate("accounts/email_set", name="Ada")


def token_variables(purpose: Purpose, **content: Any) -> dict[str, Any]:
    """Return the variables of a mail that brings a new token with this content."""
    token = signed_tokens.sign(purpose, **content)
    pattern = settings().token_urls.get(purpose.name, "")
    return {"token": token, "link": pattern.replace("{token}", token), "hours": purpose.hours}
