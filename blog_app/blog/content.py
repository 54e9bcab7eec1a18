"""Rendering Markdown and sanitizing HTML.

Guarantee: HTML leaves here only through `nh3` (ammonia, a sanitizer with an HTML5 parser and an allowlist): no script,
style, event handler, form, frame, SVG or MathML, and no link to anything but http, https and mailto.
Markdown is CommonMark with tables and strikethrough; HTML inside it is allowed in posts, and is escaped in comments.
"""

from __future__ import annotations

import html
import re
from math import ceil

import nh3
from markdown_it import MarkdownIt

MAX_LENGTH = 100_000
"""Characters of a post. The slowest known text of this length takes some two seconds to render."""
MAX_WORD_LENGTH = 1_000
"""ASCII characters of a word or a URL. PostgreSQL's text search takes quadratic time, then exhausts its stack."""
OVERLONG_WORD = re.compile(rf"[\w@./~+-]{{{MAX_WORD_LENGTH + 1}}}", re.ASCII)
WORDS_PER_MINUTE = 200
SUMMARY_LENGTH = 240

# fmt: off
PLAIN_TAGS = {
    "p", "br", "hr", "div", "span", "strong", "b", "em", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup",
    "kbd", "samp", "var", "abbr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "dl", "dt", "dd", "pre", "figure",
    "figcaption", "table", "thead", "tbody", "tr",
}
# fmt: on
ALLOWED_ATTRIBUTES: dict[str, set[str]] = {
    **{tag: set() for tag in PLAIN_TAGS},
    "a": {"href", "title"},
    "blockquote": {"cite"},
    "code": {"class"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
URL_SCHEMES = {"http", "https", "mailto"}
LANGUAGE_CLASS = re.compile(r"language-[\w+-]{1,30}")
TAG = re.compile(r"<[^>]*>")
BLOCK_END = re.compile(r"</(?:p|h\d|li|dd|dt|pre|td|th|tr|figcaption|div)>|<[bh]r>")

_posts = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_comments = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def _filter_attribute(element: str, attribute: str, value: str) -> str | None:
    """Return the value of an allowed attribute, None to remove the attribute."""
    if element == "code" and attribute == "class":
        return value if LANGUAGE_CLASS.fullmatch(value) else None
    return value


_post_cleaner = nh3.Cleaner(
    tags=set(ALLOWED_ATTRIBUTES),
    attributes=ALLOWED_ATTRIBUTES,
    attribute_filter=_filter_attribute,
    url_schemes=URL_SCHEMES,
    link_rel="noopener noreferrer",
)
_comment_cleaner = nh3.Cleaner(
    tags=set(ALLOWED_ATTRIBUTES) - {"img", "h1", "h2", "h3", "h4", "h5", "h6"},
    attributes={tag: names for tag, names in ALLOWED_ATTRIBUTES.items() if tag != "img"},
    attribute_filter=_filter_attribute,
    url_schemes=URL_SCHEMES,
    link_rel="noopener noreferrer nofollow ugc",
)


def render(content: str, content_format: str) -> tuple[str, str]:
    """Return a post's content to store (Markdown as written, HTML sanitized), and its sanitized HTML."""
    if content_format == "html":
        clean = _post_cleaner.clean(content)
        return clean, clean
    return content, _post_cleaner.clean(_posts.render(content)).strip()


def render_comment(content: str) -> str:
    """Return the sanitized HTML of a comment, which is Markdown without HTML, headings and images."""
    return _comment_cleaner.clean(_comments.render(content)).strip()


def plain_text(content_html: str) -> str:
    """Return sanitized HTML as one line of plain text."""
    spaced = BLOCK_END.sub(" ", content_html)
    return " ".join(html.unescape(TAG.sub("", spaced)).split())


def summary_of(text: str) -> str:
    """Return the beginning of plain text, cut after a word."""
    if len(text) <= SUMMARY_LENGTH:
        return text
    return text[:SUMMARY_LENGTH].rpartition(" ")[0].rstrip(".,;:") + "…"


def word_count_of(text: str) -> int:
    """Return the number of words in plain text."""
    return len(text.split())


def reading_time_of(word_count: int) -> int:
    """Return the minutes that it takes to read that many words, at least one."""
    return max(1, ceil(word_count / WORDS_PER_MINUTE))
