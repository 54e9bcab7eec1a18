"""The mails that accounts send: each function returns a subject and a text.

What a stranger typed, such as a name, goes only to those who have confirmed their address: nobody sends their own words
to others from here.
"""

from __future__ import annotations

from blog_app.accounts import signing

Letter = tuple[str, str]


def confirm_registration(token: str) -> Letter:
    """Ask whoever wants an account to prove that they read the mail of this address."""
    return "Confirm your address", _text(
        "Hello,",
        "an account was asked for with this address. Confirm it with this token:",
        token,
        f"It is valid for {signing.REGISTRATION.hours} hours. If it was not you, do nothing: no account is opened.",
    )


def already_a_member() -> Letter:
    """Tell a member that somebody asked for an account with their address."""
    return "You have an account already", _text(
        "Hello,",
        "an account was asked for with this address, which has one already. Nothing was changed.",
        "If it was you, sign in, or ask for a new password. If it was not, there is nothing to do.",
    )


def reset_password(name: str, token: str) -> Letter:
    """Let a member choose another password."""
    return "Choose a new password", _text(
        f"Hello {name},",
        "a new password was asked for. Choose one with this token:",
        token,
        f"It is valid for {_hours(signing.PASSWORD_RESET)}. If it was not you, do nothing: your password stays.",
    )


def nobody_here() -> Letter:
    """Tell whoever asked for a new password that this address has no account."""
    return "No account with this address", _text(
        "Hello,",
        "a new password was asked for, but this address has no account that could be signed in to.",
        "Perhaps yours is under another address. If it was not you, there is nothing to do.",
    )


def confirm_email_change(name: str, token: str) -> Letter:
    """Ask a member to prove that they read the mail of the new address."""
    return "Confirm your new address", _text(
        f"Hello {name},",
        "this address is to become that of your account. Confirm it with this token:",
        token,
        f"It is valid for {_hours(signing.EMAIL_CHANGE)}. If it was not you, do nothing: nothing is changed.",
    )


def address_has_account() -> Letter:
    """Tell whoever wants to move their account to this address that it has an account already."""
    return "This address has an account already", _text(
        "Hello,",
        "this address was to become that of another account, but it has an account already. Nothing was changed.",
    )


def email_was_changed(name: str) -> Letter:
    """Tell the old address that it was left."""
    return "Your address was changed", _text(
        f"Hello {name},",
        "your account has another address from now on. If it was not you, tell us at once.",
    )


def _hours(purpose: signing.Purpose) -> str:
    return f"{purpose.hours} hour{'s' if purpose.hours > 1 else ''}"


def _text(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"
