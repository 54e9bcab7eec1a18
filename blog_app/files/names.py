"""What files and folders may be called, and when two names are the same.

A name is 1 to 255 characters in Unicode's normal form C, without what would split a path, hide, or reverse the text
around it. Case is kept and does not count: `Tea.txt` and `tea.TXT` cannot be in one folder, because on many of the
machines to which they will be downloaded they could not either. `folded` is what is compared.
"""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize

from marshmallow import ValidationError, fields

from blog_app.api.resources.fields import String

MAX_LENGTH = 255
MAX_PATH_BYTES = 2_000
"""An index takes no more than about 2,700 bytes."""
MAX_DEPTH = 64
UNFIT = re.compile(
    r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]"  # separators and control characters
    r"|[\u202a-\u202e\u2066-\u2069]"  # reverse what is written: invoice-fdp.exe can look like invoice-exe.pdf
    r"|[\ud800-\udfff]"
)


def folded(text: str) -> str:
    """Return a name, or a path, in the spelling that is the same for all that count as the same."""
    return normalize("NFC", text.casefold())


def checked(name: str) -> str:
    """Return a name in its normal form; raise `ValidationError` if nothing may be called that."""
    name = normalize("NFC", name)
    if UNFIT.search(name):
        raise ValidationError("Must not contain slashes, backslashes, control characters or changes of direction.")
    if name in (".", ".."):
        raise ValidationError("Must not be . or .. but a name.")
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValidationError(f"Length must be between 1 and {MAX_LENGTH}.")
    return name


class Name(String):
    """The name of a file or folder; blanks at both ends are dropped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_LENGTH, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return checked(super()._deserialize(value, attr, data, **kwargs))


class Path(fields.String):
    """The path of a file or folder, such as `/Kettles/Manual.pdf`, as it is compared; `/` is everything's parent."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        path = str(super()._deserialize(value, attr, data, **kwargs))
        if not path.startswith("/"):
            raise ValidationError("Must begin with a slash.")
        names = path.strip("/").split("/") if path.strip("/") else []
        if len(names) > MAX_DEPTH:
            raise ValidationError(f"Must have at most {MAX_DEPTH} levels.")
        return "".join(f"/{folded(checked(name))}" for name in names)
