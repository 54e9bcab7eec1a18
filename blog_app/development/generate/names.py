"""Names of what is generated, and which names can be used."""

from __future__ import annotations

import keyword
import re

from blog_app.development.generate import GenerateError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 40
UNCERTAIN_PLURAL = re.compile(
    r".*(s|z|fe?|o|\wx|child|man|person|people|foot|tooth|goose|[ml]ouse|die|penny|medi(a|um)|dat(a|um)|criteri(a|on)"
    r"|phenomen(a|on)|sheep|fish|deer|aircraft|equipment|information)"
)
"""Nouns whose plural follows no rule, and names that may be plurals themselves (`movies`)."""


class Names:
    """The names of a resource, from two: `reading_list` and `reading_lists`.

    Raises `GenerateError` for names that cannot be used, and where the plural must be given.
    """

    def __init__(self, singular: str, plural: str | None = None) -> None:
        check_name(singular)
        self.singular, self.plural = singular, plural or plural_of(singular)
        check_name(self.plural)
        if self.singular == self.plural:
            raise GenerateError("the singular and the plural must differ: give another --plural")
        self.class_name = camel_case(singular)
        self.path = f"/{self.plural.replace('_', '-')}"
        self.one = f"{'an' if singular[0] in 'aeiou' else 'a'} {singular.replace('_', ' ')}"
        self.many = self.plural.replace("_", " ")


def plural_of(singular: str) -> str:
    """Return the plural of a regular noun; raise `GenerateError` for any other one."""
    if UNCERTAIN_PLURAL.fullmatch(singular):
        raise GenerateError(f"what is the plural of {singular!r}? The name is in the singular; add --plural")
    if re.search("[^aeiou]y$", singular):
        return f"{singular[:-1]}ies"
    return f"{singular}{'es' if re.search('(sh|[^a]ch)$', singular) else 's'}"


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
