"""Names of what is generated, and which names can be used."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from blog_app.development.generate import GenerateError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 40


@dataclass(frozen=True)
class Names:
    """The names of a resource, from two: `reading_list` and `reading_lists`."""

    singular: str
    plural: str

    @property
    def class_name(self) -> str:
        return camel_case(self.singular)

    @property
    def path(self) -> str:
        return f"/{self.plural.replace('_', '-')}"

    @property
    def one(self) -> str:
        """The singular with its article: `a reading list`, `an image`."""
        return f"{'an' if self.singular[0] in 'aeiou' else 'a'} {self.singular.replace('_', ' ')}"

    @property
    def many(self) -> str:
        return self.plural.replace("_", " ")


def names_of(singular: str, plural: str | None = None) -> Names:
    """Return the names of a resource; the plural is by default the singular and an "s". Raise `GenerateError`."""
    names = Names(singular, plural or f"{singular}s")
    for name in (names.singular, names.plural):
        check_name(name)
    if names.singular == names.plural:
        raise GenerateError("the singular and the plural must differ: give another --plural")
    return names


def check_name(name: str) -> None:
    """Raise `GenerateError` unless `name` can name a column, a module and a variable."""
    if not NAME.fullmatch(name):
        raise GenerateError(f"{name!r} is not a valid name: use lower-case letters, digits and single underscores")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise GenerateError(f"{name!r} is not a valid name: it is a Python keyword")
    if len(name) > MAX_LENGTH:
        raise GenerateError(f"{name!r} is too long: PostgreSQL truncates identifiers; use at most {MAX_LENGTH} letters")


def camel_case(name: str) -> str:
    """Return the name of a class: `ReadingList` for `reading_list`."""
    return "".join(word.capitalize() for word in name.split("_"))
