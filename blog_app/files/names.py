"""File names and paths: their validation, and their case-insensitive comparison.

A name has 1 to 255 characters in Unicode's normal form C, without path separators, control characters and characters
that change the text direction. Case is preserved but ignored in comparisons: `Tea.txt` and `tea.TXT` cannot be in one
folder, because many file systems to which they are downloaded do not allow it. `casefolded` is what is compared.
"""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize

from marshmallow import ValidationError, fields

from blog_app.api.resources.fields import String

MAX_LENGTH = 255
MAX_PATH_BYTES = 2_000
"""An entry of an index has at most about 2,700 bytes."""
MAX_DEPTH = 64
FORBIDDEN = re.compile(
    r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]"  # separators and control characters
    r"|[\u202a-\u202e\u2066-\u2069]"  # text direction: invoice-fdp.exe can look like invoice-exe.pdf
    r"|[\ud800-\udfff]"
)


def casefolded(text: str) -> str:
    """Return a name or path as it is compared: names are equal if and only if this is."""
    return normalize("NFC", text.casefold())


def validate_name(name: str) -> str:
    """Return a name in its normal form; raise `ValidationError` if it is not allowed."""
    name = normalize("NFC", name)
    if FORBIDDEN.search(name):
        raise ValidationError("Must not contain slashes, backslashes, control characters or text direction characters.")
    if name in (".", ".."):
        raise ValidationError("Must not be '.' or '..'.")
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValidationError(f"Length must be between 1 and {MAX_LENGTH}.")
    return name


class Name(String):
    """The name of a file or folder; surrounding whitespace is stripped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_LENGTH, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return validate_name(super()._deserialize(value, attr, data, **kwargs))


class Path(fields.String):
    """The path of a file or folder, such as `/Kettles/Manual.pdf`, casefolded; `/` is the top."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        path = str(super()._deserialize(value, attr, data, **kwargs))
        if not path.startswith("/"):
            raise ValidationError("Must start with a slash.")
        names = path.strip("/").split("/") if path.strip("/") else []
        if len(names) > MAX_DEPTH:
            raise ValidationError(f"Must have at most {MAX_DEPTH} levels.")
        return "".join(f"/{casefolded(validate_name(name))}" for name in names)
