"""Rendering Markdown and sanitizing HTML.

Guarantee: HTML leaves here only through `nh3` (ammonia, a sanitizer with an HTML5 parser and an allowlist): no script,
style, event handler, form, frame, SVG or MathML, and no URL of a scheme other than http, https and mailto.
Markdown is CommonMark with tables and strikethrough; HTML inside it is allowed in posts, and is escaped in comments.

Guarantee: rendering takes time and memory in proportion to the content, or refuses it with 422. What is stored is at
most twice as long as what may be sent, because sanitizing adds end tags and `rel`; so 100 posts have at most 20 million
characters of HTML. HTML content that was stored is accepted again, and stays as it is.
"""

from __future__ import annotations

import html
import re
from importlib import import_module
from math import ceil

import nh3
from markdown_it import MarkdownIt

from blog_app.blog.html_limits import limit_html
from blog_app.errors import Invalid, invalid

MAX_LENGTH = 100_000
"""Characters of a post, as it is written."""
MAX_COMMENT_LENGTH = 10_000
MAX_GROWTH = 2
"""How many times as many its HTML may have."""
MAX_HTML_LENGTH = MAX_GROWTH * MAX_LENGTH
MAX_LINES = 10_000
MAX_MARKS = 20_000
"""Lines, and characters that start emphasis, links and table cells, of Markdown: rendering takes time for each."""
MARK = re.compile(r"[\[*_~|`<&]")
MAX_CLEANINGS = 5
"""A parser moves what stands between the cells of a table in front of it, where it may have to be closed again."""
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
URL_SCHEME = re.compile(r"([^/?#:]*):")
IGNORED_IN_URL = re.compile(r"[\x00-\x20]")
TAG = re.compile(r"<[^>]*>")
BLOCK_END = re.compile(r"</(?:p|h\d|li|dd|dt|pre|td|th|tr|figcaption|div)>|<[bh]r>")

# Markdown adds the cells that a row of a table lacks, up to 65,536 of them.
vars(import_module("markdown_it.rules_block.table"))["MAX_AUTOCOMPLETED_CELLS"] = 5_000
_posts = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_comments = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def _filter_attribute(element: str, attribute: str, value: str) -> str | None:
    """Return the value of an allowed attribute, None to remove the attribute."""
    if element == "code" and attribute == "class":
        return value if LANGUAGE_CLASS.fullmatch(value) else None
    if attribute == "cite":  # nh3 checks `href` and `src` only.
        scheme = URL_SCHEME.match(IGNORED_IN_URL.sub("", value))
        return value if scheme is None or scheme[1].lower() in URL_SCHEMES else None
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
    """Return a post's content to store (Markdown as written, HTML sanitized), and its sanitized HTML.

    Raise `Invalid` for content that would become too much HTML.
    """
    if content_format == "html":
        clean = _sanitize(content, _post_cleaner, MAX_HTML_LENGTH)
        if len(content) > MAX_LENGTH and clean != content:
            raise invalid("content", f"At most {MAX_LENGTH} characters. Only HTML that was returned may have more.")
        return clean, clean
    if len(content) > MAX_LENGTH:
        raise invalid("content", f"Markdown can have at most {MAX_LENGTH} characters.")
    html = _render_markdown(_posts, content, MAX_HTML_LENGTH)
    return content, _sanitize(html, _post_cleaner, MAX_HTML_LENGTH).strip()


def render_comment(content: str) -> str:
    """Return the sanitized HTML of a comment, which is Markdown without HTML, headings and images."""
    most = MAX_GROWTH * MAX_COMMENT_LENGTH
    return _sanitize(_render_markdown(_comments, content, most), _comment_cleaner, most).strip()


def _render_markdown(markdown: MarkdownIt, content: str, max_length: int) -> str:
    """Return the HTML of Markdown, not sanitized; raise `Invalid` before it takes long or becomes large."""
    if content.count("\n") >= MAX_LINES:
        raise invalid("content", f"Markdown can have at most {MAX_LINES} lines.")
    if len(MARK.findall(content)) > MAX_MARKS:
        raise invalid("content", f"Markdown can have at most {MAX_MARKS} of the characters [ * _ ~ | ` < &.")
    environment: dict[str, object] = {}
    tokens = markdown.parse(content, environment)
    # A link reference definition is written once and can be used any number of times.
    attributes = (value for token in tokens for child in token.children or () for value in child.attrs.values())
    if sum(len(str(value)) for value in attributes) > max_length:
        raise _too_long(max_length)
    html: str = markdown.renderer.render(tokens, markdown.options, environment)
    return html


def _sanitize(html: str, cleaner: nh3.Cleaner, max_length: int) -> str:
    """Return sanitized HTML, which stays the same when it is sanitized again.

    Raise `Invalid` if it is nested too deeply or is too long, before it takes much memory.
    """
    for _ in range(MAX_CLEANINGS):
        clean = cleaner.clean(limit_html(html, ALLOWED_ATTRIBUTES, MAX_HTML_LENGTH))
        clean = clean.replace("<pre>\n", "<pre>\n\n")  # The next parser ignores the first.
        if len(clean) > max_length:
            raise _too_long(max_length)
        if clean == html:
            return clean
        html = clean
    raise invalid("content", "Elements are misnested. Close each element inside the one in which it is opened.")


def _too_long(most: int) -> Invalid:
    return invalid("content", f"The sanitized HTML of the content can have at most {most} characters.")


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
