"""The names of a resource: one thing, many of them, the class, the path."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from blog_app.development.generate import GenerateError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 40
# What no rule of English tells, by the end of the word: bookshelf, salesperson.
IRREGULAR = {
    "child": "children",
    "echo": "echoes",
    "foot": "feet",
    "hero": "heroes",
    "knife": "knives",
    "leaf": "leaves",
    "life": "lives",
    "mouse": "mice",
    "person": "people",
    "potato": "potatoes",
    "shelf": "shelves",
    "tomato": "tomatoes",
    "woman": "women",
}


@dataclass(frozen=True)
class Names:
    """`reading_list` and `reading_lists`, from which all other names follow."""

    singular: str
    plural: str

    @property
    def class_name(self) -> str:
        return "".join(word.capitalize() for word in self.singular.split("_"))

    @property
    def path(self) -> str:
        return f"/{self.plural.replace('_', '-')}"

    @property
    def one(self) -> str:
        """The thing as a sentence names it first: `a reading list`, `an image`."""
        words = self.singular.replace("_", " ")
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"

    @property
    def many(self) -> str:
        return self.plural.replace("_", " ")


def names_of(given: str, plural: str | None = None) -> Names:
    """Return the names of a resource that is given in the singular or the plural, in snake or camel case."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given).lower().replace("-", "_")
    head, separator, last = words.rpartition("_")
    singular = words if plural else f"{head}{separator}{_singular(last)}"
    names = Names(singular, plural or f"{head}{separator}{_plural(_singular(last))}")
    for name in (names.singular, names.plural):
        check_identifier(name)
    if names.singular == names.plural:
        raise GenerateError(f"one {singular} and many {names.plural} need two names: give the other one by --plural")
    return names


def check_identifier(name: str) -> None:
    """Raise `GenerateError` unless `name` can name a column, a module and a variable."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise GenerateError(f"{name!r} is no usable name: take small letters, digits and underscores, and no keyword")
    if len(name) > MAX_LENGTH:
        raise GenerateError(f"{name!r} is too long: PostgreSQL cuts the names made of it; take at most {MAX_LENGTH}")


def _plural(word: str) -> str:
    for singular, plural in IRREGULAR.items():
        if word.endswith(singular):
            return word.removesuffix(singular) + plural
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def _singular(word: str) -> str:
    """Return the singular of a word that looks like a plural, any other word as it is."""
    for singular, plural in IRREGULAR.items():
        if word.endswith(plural):
            return word.removesuffix(plural) + singular
    if re.search(r"[^aeiou]ies$", word):
        return f"{word[:-3]}y"
    if re.search(r"(ss|x|z|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if re.search(r"[^siu]s$", word) else word
