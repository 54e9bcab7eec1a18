"""Marshmallow fields that refuse what PostgreSQL cannot store, and write what orjson can render."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson
from marshmallow import ValidationError, fields, validate

from blog_app.data import email_addresses

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
UNSAFE_IN_URLS = re.compile(r'["<>\\^`{|}]')
MAX_JSON_DEPTH = 10
CENT = Decimal("0.01")
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
"""What people write; `Decimal` also takes 1e3 and 1_000."""


class String(fields.String):
    """Text without NUL and lone surrogates; blanks at both ends are dropped unless `strip=False`."""

    def __init__(self, *, most: int = 10_000, least: int = 0, strip: bool = True, **kwargs: Any) -> None:
        validators = [validate.Length(least, most), *_as_list(kwargs.pop("validate", None))]
        super().__init__(validate=validators, **kwargs)
        self.strip = strip

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        refuse_unstorable(text)
        return text.strip() if self.strip else text


class Email(fields.String):
    """An email address, in its normal spelling."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "email", "maxLength": email_addresses.MAX_LENGTH, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return email_addresses.normalize(str(super()._deserialize(value, attr, data, **kwargs)))
        except email_addresses.BadAddress as error:
            raise ValidationError(str(error)) from error


class WebAddress(fields.Url):
    """The URL of a page or picture that anybody may open: `http` or `https`, with a host, without a password."""

    def __init__(self, **kwargs: Any) -> None:
        validators: list[Any] = [validate.Length(max=2_000), refuse_unstorable, _refuse_unsafe]
        super().__init__(schemes={"http", "https"}, validate=validators, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class Timestamp(fields.AwareDateTime):
    """An instant, ISO 8601 in and out, UTC inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error


class Integer(fields.Integer):
    """A whole number that fits the column; `1.0` and `"1"` are not one."""

    def __init__(self, *, least: int = -(2**31), most: int = 2**31 - 1, **kwargs: Any) -> None:
        validators = [validate.Range(least, most), *_as_list(kwargs.pop("validate", None))]
        super().__init__(strict=True, validate=validators, **kwargs)


class Money(fields.Decimal):
    """An amount of money from 0 to `most`: at most two digits after the point, never a float; text on the way out."""

    def __init__(self, *, most: int = 9_999_999, **kwargs: Any) -> None:
        limits = {"minimum": 0, "maximum": most, "pattern": rf"^\d{{1,{len(str(most))}}}(\.\d{{1,2}})?$"}
        super().__init__(metadata=limits | {"example": "12.50"} | kwargs.pop("metadata", {}), **kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or (isinstance(value, str) and not PLAIN_NUMBER.fullmatch(value)):
            raise self.make_error("invalid", input=value)
        amount: Decimal = super()._deserialize(value, attr, data, **kwargs)
        if not 0 <= amount <= self.most:
            raise ValidationError(f"Must be from 0 to {self.most}.")
        if amount != amount.quantize(CENT):
            raise ValidationError("Must have at most two digits after the point.")
        return amount.quantize(CENT)


class JsonObject(fields.Dict):
    """A JSON object of limited depth and size, and of storable text, kept as JSONB."""

    def __init__(self, *, most: int = 20_000, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), **kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        result = super()._deserialize(value, attr, data, **kwargs)
        _check_json(result, 1)
        if len(orjson.dumps(result)) > self.most:  # Lists show it a hundred times.
            raise ValidationError(f"Must have at most {self.most} bytes.")
        return result


def refuse_unstorable(text: str) -> None:
    """Raise `ValidationError` if PostgreSQL could not store `text`."""
    if UNSTORABLE.search(text):
        raise ValidationError("Must not contain NUL characters or lone surrogates.")


def _refuse_unsafe(url: str) -> None:
    """Raise `ValidationError` for a password, an impossible port, and what RFC 3986 leaves out for good reasons."""
    try:
        usable = urlsplit(url).port != 0
    except ValueError:
        usable = False
    if not usable or "@" in urlsplit(url).netloc or UNSAFE_IN_URLS.search(url) or not url.isprintable():
        raise ValidationError("Not a valid URL.")


def _check_json(value: Any, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise ValidationError(f"Must not be nested deeper than {MAX_JSON_DEPTH} levels.")
    match value:
        case str():
            refuse_unstorable(value)
        case dict():
            for key, inner in value.items():
                refuse_unstorable(key)
                _check_json(inner, depth + 1)
        case list():
            for inner in value:
                _check_json(inner, depth + 1)


def _as_list(validators: Any) -> list[Any]:
    if validators is None:
        return []
    return list(validators) if isinstance(validators, (list, tuple)) else [validators]
