"""From what people write to HTML that is safe to show.

Guarantee: HTML leaves here only through `nh3` (ammonia, a parser of the HTML5 standard with a list of what is allowed):
no script, style, event handler, form, frame, SVG or MathML, and no link to anything but http, https and mailto.
Markdown is CommonMark with tables and strikethrough; HTML inside it is allowed in posts, and is text in comments.
"""

from __future__ import annotations

import html
import re
from math import ceil

import nh3
from markdown_it import MarkdownIt

MAX_LENGTH = 100_000
"""Characters of a post. The slowest text of this length that is known takes some two seconds to render."""
LONGEST_WORD = 1_000
"""ASCII characters of a word or an address. PostgreSQL's search takes time by the square of it, and then its stack."""
ENDLESS_WORD = re.compile(rf"[\w@./~+-]{{{LONGEST_WORD + 1}}}", re.ASCII)
WORDS_A_MINUTE = 200
SUMMARY_LENGTH = 240

# fmt: off
PLAIN = {
    "p", "br", "hr", "div", "span", "strong", "b", "em", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup",
    "kbd", "samp", "var", "abbr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "dl", "dt", "dd", "pre", "figure",
    "figcaption", "table", "thead", "tbody", "tr",
}
# fmt: on
ALLOWED: dict[str, set[str]] = {
    **{tag: set() for tag in PLAIN},
    "a": {"href", "title"},
    "blockquote": {"cite"},
    "code": {"class"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
SCHEMES = {"http", "https", "mailto"}
LANGUAGE = re.compile(r"language-[\w+-]{1,30}")
TAG = re.compile(r"<[^>]*>")
BLOCK_END = re.compile(r"</(?:p|h\d|li|dd|dt|pre|td|th|tr|figcaption|div)>|<[bh]r>")

_posts = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_comments = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def _keep(element: str, attribute: str, value: str) -> str | None:
    """Return the value that an allowed attribute may have, None for no such attribute."""
    if element == "code" and attribute == "class":
        return value if LANGUAGE.fullmatch(value) else None
    return value


_post_cleaner = nh3.Cleaner(
    tags=set(ALLOWED),
    attributes=ALLOWED,
    attribute_filter=_keep,
    url_schemes=SCHEMES,
    link_rel="noopener noreferrer",
)
_comment_cleaner = nh3.Cleaner(
    tags=set(ALLOWED) - {"img", "h1", "h2", "h3", "h4", "h5", "h6"},
    attributes={tag: names for tag, names in ALLOWED.items() if tag != "img"},
    attribute_filter=_keep,
    url_schemes=SCHEMES,
    link_rel="noopener noreferrer nofollow ugc",
)


def render(content: str, content_format: str) -> tuple[str, str]:
    """Return what to keep of a post's text, and the HTML to show. Markdown is kept as written, HTML as cleaned."""
    if content_format == "html":
        clean = _post_cleaner.clean(content)
        return clean, clean
    return content, _post_cleaner.clean(_posts.render(content)).strip()


def render_comment(content: str) -> str:
    """Return the HTML to show for a comment, which is Markdown without HTML, headings and images."""
    return _comment_cleaner.clean(_comments.render(content)).strip()


def plain(content_html: str) -> str:
    """Return the words of clean HTML as one line of plain text."""
    spaced = BLOCK_END.sub(" ", content_html)
    return " ".join(html.unescape(TAG.sub("", spaced)).split())


def summary_of(text: str) -> str:
    """Return how plain text begins, cut after a word."""
    if len(text) <= SUMMARY_LENGTH:
        return text
    return text[:SUMMARY_LENGTH].rpartition(" ")[0].rstrip(".,;:") + "…"


def word_count_of(text: str) -> int:
    """Return how many words plain text has."""
    return len(text.split())


def reading_time_of(word_count: int) -> int:
    """Return the minutes that it takes to read so many words, at least one."""
    return max(1, ceil(word_count / WORDS_A_MINUTE))
