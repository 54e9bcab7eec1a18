"""Fake titles, texts, comments and names, made from the vocabulary.

A text is a random choice from a stock of ready sentences, so a hundred thousand texts are made quickly. Words
follow Zipf's law, so that a search has common words and rare ones to look for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from random import Random

from blog_app.development.seed.fake import vocabulary

SENTENCE_COUNT = 20_000
SENTENCES_PER_POST = range(14, 27)
SENTENCES_PER_PARAGRAPH = 4
SLOTS = {
    "thing": vocabulary.THINGS,
    "part": vocabulary.PARTS,
    "second_part": vocabulary.PARTS,
    "fault": vocabulary.FAULTS,
    "tool": vocabulary.TOOLS,
    "second_tool": vocabulary.TOOLS,
    "person": vocabulary.PEOPLE,
    "place": vocabulary.PLACES,
    "time": vocabulary.TIMES,
    "adjective": vocabulary.ADJECTIVES,
    "lesson": vocabulary.LESSONS,
}


class _Words(dict[str, str]):
    """Draws a word for a slot at its first use, and keeps it."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def __missing__(self, slot: str) -> str:
        word = self[slot] = zipf_choice(self.random, SLOTS[slot])
        return word


def zipf_choice(random: Random, choices: Sequence[str]) -> str:
    """Return one of the choices, of which the n-th is n times as rare as the first (Zipf's law)."""
    return random.choices(choices, cum_weights=_zipf_weights(len(choices)))[0]


@cache
def _zipf_weights(size: int) -> tuple[float, ...]:
    return tuple(accumulate(1 / rank for rank in range(1, size + 1)))


def filled(random: Random, templates: tuple[str, ...]) -> str:
    """Return one of the templates, its slots filled."""
    return random.choice(templates).format_map(_Words(random)).replace(" a o", " an o").replace(" a a", " an a")


@cache
def sentences() -> tuple[str, ...]:
    """Return the stock of sentences; it is the same for every seed."""
    random = Random("sentences")  # noqa: S311 (nothing secret)
    return tuple(filled(random, vocabulary.SENTENCES) for _ in range(SENTENCE_COUNT))


def sentence(random: Random) -> str:
    return random.choice(sentences())


def title(random: Random) -> str:
    text = filled(random, vocabulary.TITLES)
    return text[0].upper() + text[1:]


def paragraphs(random: Random, number: int) -> list[str]:
    """Return some 1.5 KB of plain paragraphs about repair number `number`."""
    chosen = random.choices(sentences(), k=random.choice(SENTENCES_PER_POST))
    found = [
        " ".join(chosen[start : start + SENTENCES_PER_PARAGRAPH])
        for start in range(0, len(chosen), SENTENCES_PER_PARAGRAPH)
    ]
    return [*found, f"Entered in the book as repair {number}."]


def person(random: Random) -> str:
    return f"{random.choice(vocabulary.FIRST_NAMES)} {random.choice(vocabulary.LAST_NAMES)}"


def comment(random: Random) -> str:
    return filled(random, vocabulary.COMMENTS)
