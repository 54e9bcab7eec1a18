"""The mails that the accounts domain sends: each function returns a subject and a body.

User input, such as a name, goes only to confirmed addresses: nobody can send their own words to others from here.
"""

from __future__ import annotations

from blog_app.accounts import signed_tokens
from blog_app.background.mail import MailText, compose


def confirm_registration(token: str) -> MailText:
    """Ask for proof that whoever registers reads the mail of this address."""
    return compose(
        "Confirm your email address",
        "Hello,",
        "We received a request to create an account with this email address. To confirm it, use this token:",
        token,
        f"{_expiry(signed_tokens.REGISTRATION)} If you did not request an account, ignore this email: "
        "no account is created.",
    )


def already_registered() -> MailText:
    """Tell a user that somebody tried to register with their address."""
    return compose(
        "You already have an account",
        "Hello,",
        "Someone tried to create an account with this email address, but it already has one. Nothing has changed.",
        "If it was you, sign in or reset your password. If not, you can ignore this email.",
    )


def reset_password(name: str, token: str) -> MailText:
    """Let a user choose a new password."""
    return compose(
        "Reset your password",
        f"Hello {name},",
        "We received a request to reset your password. To choose a new one, use this token:",
        token,
        f"{_expiry(signed_tokens.PASSWORD_RESET)} If you did not request this, ignore this email: "
        "your password stays the same.",
    )


def no_account() -> MailText:
    """Tell whoever requested a password reset that this address has no account."""
    return compose(
        "No account for this email address",
        "Hello,",
        "Someone requested a password reset for this email address, but no account that can sign in uses it.",
        "If it was you, try another email address. If not, you can ignore this email.",
    )


def confirm_email_change(name: str, token: str) -> MailText:
    """Ask a user for proof that they read the mail of their new address."""
    return compose(
        "Confirm your new email address",
        f"Hello {name},",
        "We received a request to use this email address for your account. To confirm it, use this token:",
        token,
        f"{_expiry(signed_tokens.EMAIL_CHANGE)} If you did not request this, ignore this email: nothing changes.",
    )


def address_in_use() -> MailText:
    """Tell the holder of an address that another account cannot change to it, because it has an account."""
    return compose(
        "This email address is already in use",
        "Hello,",
        "Someone asked to use this email address for another account, but it already has one. Nothing has changed.",
    )


def email_changed(name: str) -> MailText:
    """Tell the old address that the account no longer uses it."""
    return compose(
        "Your email address was changed",
        f"Hello {name},",
        "Your account now uses another email address. If you did not change it, contact us immediately.",
    )


def invitation(token: str) -> MailText:
    """Let the owner of an account that an admin created choose a password."""
    return compose(
        "You have an account",
        "Hello,",
        "An administrator created an account for you with this email address. To choose your password, use this token:",
        token,
        f"{_expiry(signed_tokens.INVITATION)} After that, request a password reset to get another one.",
    )


def email_set(name: str) -> MailText:
    """Tell a new address that an admin set it for an account."""
    return compose(
        "Your email address was changed",
        f"Hello {name},",
        "An administrator changed the email address of your account to this one. Use it to sign in from now on.",
    )


def _expiry(purpose: signed_tokens.Purpose) -> str:
    number, unit = (purpose.hours // 24, "day") if purpose.hours > 24 else (purpose.hours, "hour")
    return f"The token expires in {number} {unit}{'s' if number > 1 else ''}."
