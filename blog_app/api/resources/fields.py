"""Marshmallow fields: they reject what PostgreSQL cannot store, and produce what orjson can serialize."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson
from marshmallow import ValidationError, fields, validate

from blog_app.data import email_addresses
from blog_app.data.slugs import PATTERN
from blog_app.data.uuids import parse_uuid

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
UNSAFE_IN_URLS = re.compile(r'["<>\\^`{|}]')
MAX_JSON_DEPTH = 10
CENT = Decimal("0.01")
DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
"""Without exponent and underscores, which `Decimal` accepts."""


class String(fields.String):
    """Text without NUL and lone surrogates; surrounding whitespace is removed unless `strip=False`."""

    def __init__(self, *, max_length: int = 10_000, min_length: int = 0, strip: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.insert(0, validate.Length(min_length, max_length))
        self.strip = strip

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        require_storable(text)
        return text.strip() if self.strip else text


class Slug(String):
    """A slug that a body may give: a new object without one gets it from `source`, a changed one keeps its own."""

    def __init__(self, *, source: str, max_length: int, also: str = "", **kwargs: Any) -> None:
        description = f"Defaults to a slug made from the {source}, and stays until changed.{also}"
        super().__init__(
            load_default=None,
            allow_none=True,
            min_length=1,
            max_length=max_length,
            validate=[validate.Regexp(f"^{PATTERN}$"), _not_an_identifier],
            metadata={"description": description, **kwargs.pop("metadata", {})},
            **kwargs,
        )


class Email(fields.String):
    """An email address, normalized."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "email", "maxLength": email_addresses.MAX_LENGTH, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return email_addresses.normalize(str(super()._deserialize(value, attr, data, **kwargs)))
        except email_addresses.BadAddress as error:
            raise ValidationError(str(error)) from error


class Url(fields.Url):
    """A public URL: `http` or `https`, with a host, without credentials."""

    def __init__(self, **kwargs: Any) -> None:
        validators: list[Any] = [validate.Length(max=2_000), require_storable, _require_safe_url]
        super().__init__(schemes={"http", "https"}, validate=validators, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class Timestamp(fields.AwareDateTime):
    """A point in time: ISO 8601 in JSON, an aware `datetime` in UTC in Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error


class Integer(fields.Integer):
    """An integer that fits its column; `1.0` and `"1"` are rejected."""

    def __init__(self, *, minimum: int = -(2**31), maximum: int = 2**31 - 1, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)
        self.validators.insert(0, validate.Range(minimum, maximum))


class Money(fields.Decimal):
    """An amount of money from 0 to `maximum`, with at most two decimal places; never a float, a string in responses."""

    def __init__(self, *, maximum: int = 9_999_999, **kwargs: Any) -> None:
        limits = {"minimum": 0, "maximum": maximum, "pattern": rf"^\d{{1,{len(str(maximum))}}}(\.\d{{1,2}})?$"}
        super().__init__(metadata=limits | {"example": "12.50"} | kwargs.pop("metadata", {}), **kwargs)
        self.maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or (isinstance(value, str) and not DECIMAL.fullmatch(value)):
            raise self.make_error("invalid", input=value)
        amount: Decimal = super()._deserialize(value, attr, data, **kwargs)
        if not 0 <= amount <= self.maximum:
            raise ValidationError(f"Must be between 0 and {self.maximum}.")
        if amount != amount.quantize(CENT):
            raise ValidationError("Must have at most two decimal places.")
        return amount.quantize(CENT)


class JsonObject(fields.Dict):
    """A JSON object for a JSONB column, of limited depth and size, and of storable text."""

    def __init__(self, *, max_bytes: int = 20_000, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), **kwargs)
        self.max_bytes = max_bytes

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        result = super()._deserialize(value, attr, data, **kwargs)
        _check_json(result, 1)
        if len(orjson.dumps(result)) > self.max_bytes:  # A page of a list shows a hundred of them.
            raise ValidationError(f"Must not be larger than {self.max_bytes} bytes.")
        return result


def require_storable(text: str) -> None:
    """Raise `ValidationError` if PostgreSQL could not store `text`."""
    if UNSTORABLE.search(text):
        raise ValidationError("Must not contain NUL characters or lone surrogates.")


def _not_an_identifier(slug: str) -> None:
    """Raise `ValidationError` for a slug that a path key would be parsed as an id."""
    if parse_uuid(slug) is not None:
        raise ValidationError("Must not look like an identifier.")


def _require_safe_url(url: str) -> None:
    """Raise `ValidationError` for credentials, an impossible port, and characters that RFC 3986 excludes."""
    try:
        is_valid = urlsplit(url).port != 0
    except ValueError:
        is_valid = False
    if not is_valid or "@" in urlsplit(url).netloc or UNSAFE_IN_URLS.search(url) or not url.isprintable():
        raise ValidationError("Not a valid URL.")


def _check_json(value: Any, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise ValidationError(f"Must not be nested more than {MAX_JSON_DEPTH} levels deep.")
    match value:
        case str():
            require_storable(value)
        case dict():
            for key, inner in value.items():
                require_storable(key)
                _check_json(inner, depth + 1)
        case list():
            for inner in value:
                _check_json(inner, depth + 1)
