"""Email addresses: validation and one canonical spelling."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254


class BadAddress(ValueError):
    """It is not an email address; `str()` says why."""


def normalize(address: str) -> str:
    """Return the canonical spelling that is stored and looked up; raise `BadAddress`.

    Lower case, Unicode form NFC (so that a composed é and e with an accent are one), an internationalised domain as
    people read it. Addresses are compared whole: dots and tags (`ada+blog@…`) mean something to some servers.
    """
    try:
        found = validate_email(address.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    normal = unicodedata.normalize("NFC", found.lower())
    if len(normal) > MAX_LENGTH:
        raise BadAddress(f"The address has more than {MAX_LENGTH} characters.")
    return normal


def deliverable(address: str) -> str:
    """Return a normalized address as every mail server accepts it: its domain in ASCII."""
    found = validate_email(address, check_deliverability=False, test_environment=True)
    return found.ascii_email or f"{found.local_part}@{found.ascii_domain}"
