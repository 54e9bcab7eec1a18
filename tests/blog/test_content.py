"""HTML sanitizing of posts and comments, against XSS attacks and against content that would become too much HTML."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

import nh3
import pytest
from flask import Flask
from hypothesis import example, given, strategies as st

from blog_app.blog.content import (
    ALLOWED_ATTRIBUTES,
    MAX_COMMENT_LENGTH,
    MAX_LENGTH,
    plain_text,
    render,
    render_comment,
    summary_of,
)
from blog_app.blog.html_limits import MAX_DEPTH, MAX_ELEMENTS, limit_html
from blog_app.blog.models import Post
from blog_app.errors import Invalid
from tests.helpers.caller import sign_up

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror\n=\nalert(1)>",
    "<img src='javascript:alert(1)'>",
    '<img src="data:image/svg+xml;base64,PHN2Zy8+">',
    "<img/src/onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href='javascript:alert(1)'>x</math>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='javascript:alert(1)//'>",
    "<link rel=stylesheet href='javascript:alert(1)'>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='javascript:alert(1)'>",
    "<form action='javascript:alert(1)'><button formaction='javascript:alert(1)'>x</button></form>",
    "<input onfocus=alert(1) autofocus>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JAVASCRIPT:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](https://example.com/x.png)',
    '[x](https://example.com "x" onmouseover="alert(1)")',
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<xmp><p title='</xmp><script>alert(1)</script>'></xmp>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<p id=x name=y class='evil'>x</p>",
    "<code class='language-x\" onclick=alert(1)'>x</code>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\u2028<script>\u2029alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "`<script>alert(1)</script>`",
    "<blockquote cite='javascript:alert(1)'>x</blockquote>",
    "<blockquote cite=' java\tscript&colon;alert(1)'>x</blockquote>",
    "<blockquote cite=data:text/html,x>x</blockquote>",
    "<<script></script>script>alert(1)</script>",
    "<<x>img src=x onerror=alert(1)>",
    "<a href='x' href='javascript:alert(1)'>x</a>",
    "<p/title='>'/onclick=alert(1)>x",
]
ATTRIBUTES = {
    "href",
    "title",
    "rel",
    "src",
    "alt",
    "width",
    "height",
    "cite",
    "class",
    "start",
    "colspan",
    "rowspan",
    "scope",
}
FORBIDDEN = {"script", "style", "svg", "math", "meta", "base", "link", "iframe", "object", "embed", "form", "input"}


class Auditor(HTMLParser):
    """Parses HTML much as a browser does, and fails on anything that could run a script."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in FORBIDDEN, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name in ("href", "src", "cite"):
                scheme, colon, _ = (value or "").partition(":")
                assert not colon or "/" in scheme or scheme in ("http", "https", "mailto"), value
            if name == "class":
                assert (value or "").startswith("language-")


def audit(html: str) -> None:
    Auditor().feed(html)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_survives_sanitizing(attack: str) -> None:
    for text in (attack, f"> {attack}", f"<div>{attack}", f"<table><tr><td>{attack}", f"`` ` `` {attack}"):
        for content_format in ("markdown", "html"):
            stored, html = render(text, content_format)
            audit(html)
            if content_format == "html":
                assert stored == html
        audit(render_comment(text))


def test_stored_html_is_sanitized_on_create_and_update(app: Flask) -> None:
    author = sign_up(app, "author")
    for content_format in ("markdown", "html"):
        body = {"title": "An attack", "content": "\n\n".join(ATTACKS), "content_format": content_format}
        post = author.post("/posts", body).json
        audit(post["content_html"])
        changed = author.patch(f"/posts/{post['id']}", {"content": "".join(ATTACKS)}).json
        audit(changed["content_html"])
    html = author.post("/posts", {"title": "Clean", "content": "<p onclick=x>Hi</p>", "content_format": "html"}).json
    assert html["content"] == html["content_html"] == "<p>Hi</p>"


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# Tea\n\n*Boil* **water**.", "<h1>Tea</h1>\n<p><em>Boil</em> <strong>water</strong>.</p>"),
        ("```python\nx\n```", '<pre><code class="language-python">x\n</code></pre>'),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<table>"),
        ("[a](https://b.example/?c&d)", '<a href="https://b.example/?c&amp;d" rel="noopener noreferrer">a</a>'),
        ("<figure><img src='https://a.example/b.png' alt='c'></figure>", '<img src="https://a.example/b.png" alt="c">'),
        ("~~old~~ 🍵 שלום", "<p><s>old</s> 🍵 שלום</p>"),
        ("[here](/posts/tea)", '<a href="/posts/tea" rel="noopener noreferrer">here</a>'),
    ],
)
def test_harmless_html_is_kept(markdown: str, html: str) -> None:
    assert html in render(markdown, "markdown")[1]


def test_html_in_a_comment_is_escaped() -> None:
    assert render_comment("<b>x</b> *y*") == "<p>&lt;b&gt;x&lt;/b&gt; <em>y</em></p>"
    assert 'rel="noopener noreferrer nofollow ugc"' in render_comment("[x](https://example.com)")


def test_a_summary_is_plain_text_cut_after_a_word() -> None:
    assert summary_of(plain_text("<h1>Tea</h1><p>A &amp; B</p>")) == "Tea A & B"
    long = summary_of("word " * 100)
    assert len(long) <= 240
    assert long.endswith("word…")


@pytest.mark.parametrize("bomb", ["[", "> ", "*a_ ", "![", "`a", "<a ", "|a"])
def test_pathological_content_renders_in_bounded_time(app: Flask, bomb: str) -> None:
    body: dict[str, Any] = {"title": "A bomb", "content": (bomb * 100_000)[:20_000]}
    for content_format in ("markdown", "html"):
        audit(sign_up(app, "author").post("/posts", body | {"content_format": content_format}).json["content_html"])


def test_an_overlong_word_is_a_validation_error_of_the_content(app: Flask) -> None:
    author = sign_up(app, "author")
    for content_format, word in (("markdown", "@e1" * 30_000), ("html", "<i>_a</i>" + "_a" * 1_000)):
        body = {"title": "Endless", "content": word, "content_format": content_format}
        assert author.post("/posts", body, status=422).json["errors"][0]["pointer"] == "/content"
    long = f"[here](https://a.example/{'p' * 900}) {'茶' * 5_000} {'x' * 1_000}"
    author.post("/posts", {"title": "Long", "content": long})


def test_urls_of_every_attribute_are_http_https_mailto_or_relative() -> None:
    for url in ("https://a.example/b?c:d", "HTTP://a.example", "mailto:a@b.example", "/tea:1", "#a:b", "tea"):
        assert f'<blockquote cite="{url}">' in render(f'<blockquote cite="{url}">x</blockquote>', "html")[0]
    for url in ("ftp://a.example", "tel:1", "x:y"):
        assert render(f'<blockquote cite="{url}">x</blockquote>', "html")[0] == "<blockquote>x</blockquote>"


class Depth(HTMLParser):
    """Measures the nesting of well-formed HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.depth = self.deepest = self.elements = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements += 1
        self.depth += tag not in ("br", "hr", "img")
        self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1


def pointers_are_content(refusal: Invalid) -> None:
    assert [each["pointer"] for each in refusal.errors or []] == ["/content"]


def require_bounded(content: str, content_format: str) -> str | None:
    """Return the HTML of the content, None if it is refused; check its size, depth and that it is accepted again."""
    try:
        stored, html = render(content, content_format)
    except Invalid as error:
        return pointers_are_content(error)
    assert len(stored) <= 2 * MAX_LENGTH
    assert len(html) <= 2 * MAX_LENGTH
    measured = Depth(html)
    assert measured.deepest <= MAX_DEPTH
    assert measured.elements <= MAX_ELEMENTS
    assert render(stored, content_format) == (stored, html)
    return html


TAGS = st.sampled_from(
    [*ALLOWED_ATTRIBUTES, "svg", "math", "select", "template", "caption", "style", "textarea", "font"]
)
FEW_TAGS = st.lists(TAGS | st.sampled_from(["b", "a", "code", "table", "td"]), min_size=1, max_size=6)
PIECES = st.sampled_from(
    ["{}", "</{}>", "<{}>", "<{} href=/x>", "<{} class=language-x>", "<{} ", "x", "\n", "<!--", "-->"]
)
MIXED_HTML = FEW_TAGS.flatmap(
    lambda tags: st.lists(st.builds(str.format, PIECES, st.sampled_from(tags)), max_size=60).map("".join)
)


@given(html=MIXED_HTML, times=st.sampled_from([1, 2, 50, 400]))
@example("<h1><b><h2></h1>", 50)
@example("<pre>\n\nx</pre>", 1)
@example("<table><caption>x</caption><tr><td>", 1)
def test_any_mix_of_tags_stays_in_bounds_or_is_refused(html: str, times: int) -> None:
    for content_format in ("html", "markdown"):
        require_bounded((html * times)[:MAX_LENGTH], content_format)


START_TAG = re.compile("<[a-z]")


@given(html=MIXED_HTML, times=st.sampled_from([1, 2, 50]))
def test_a_parser_makes_no_element_that_is_not_written(html: str, times: int) -> None:
    with suppress(Invalid):
        written = limit_html(html * times, ALLOWED_ATTRIBUTES, 2 * MAX_LENGTH)
        parsed = nh3.clean(written, tags=set(ALLOWED_ATTRIBUTES))
        assert len(START_TAG.findall(parsed)) <= len(START_TAG.findall(written))


@pytest.mark.parametrize(
    ("html", "well_formed"),
    [
        ("<p><b>x<p>y</b>z", "<p><b>x</b></p><p><b>y</b>z</p>"),
        ("<b>x<i>y</b>z</i>", "<b>x<i>y</i></b><i>z</i>"),
        ("<b><p>x</b>y", "<b><p>x</p></b><p>y</p>"),
        ("<ul><li><i>x<li>y</ul>z", "<ul><li><i>x</i></li><li><i>y</i></li></ul><i>z</i>"),
        ("<table><td><b>x<td>y", "<table><tbody><tr><td><b>x</b></td><td>y</td></tr></tbody></table>"),
        ("</p>x</div></b>", "x"),
    ],
)
def test_misnested_html_becomes_what_a_browser_shows(html: str, well_formed: str) -> None:
    assert render(html, "html")[0] == well_formed


@given(html=MIXED_HTML)
def test_html_grows_by_no_more_than_its_unclosed_formatting(html: str) -> None:
    result = require_bounded(html, "html")
    assert result is None or len(result) <= 60 * len(html) + 60 * html.count("<") ** 2


@given(
    text=st.text(st.sampled_from("*_~`[]()<>|-#1. \n\tax&;!:\\"), max_size=40), times=st.sampled_from([1, 100, 2_000])
)
def test_any_markdown_stays_in_bounds_or_is_refused(text: str, times: int) -> None:
    require_bounded((text * times)[:MAX_LENGTH], "markdown")
    with suppress(Invalid):
        assert len(render_comment((text * times)[:MAX_COMMENT_LENGTH])) <= 2 * MAX_COMMENT_LENGTH


BOMBS = {
    "unclosed formatting": "<p>" + "".join(f"<b a{i}>" for i in range(1_000)) + "<p>x" * 5_000,
    "unclosed formatting in cells": "<table>" + "<tr><td><b><i><u>x" * 5_000,
    "unclosed languages": "<p>" + "".join(f"<code class=language-{i}>" for i in range(90)) + "<p>x" * 19_000,
    "an unclosed link": f"<p><a href=/{'y' * 1_000}>" + "<p>x" * 20_000,
    "unclosed links": "<a href=x><p>" * 7_000,
    "misnested formatting": ("<b><div>" * 9 + "</b>" * 5) * 900,
    "clones beside each other": "<div>" + "<p><em></p>x" * 8_000,
    "depth left by identical formatting": ("<b>" * 5 + "<div>" + "</b>" * 5 + "</div>") * 2_000,
    "depth by headings": "<h1><b>" * 12_000,
    "depth by formatting": "<b>" * 33_000,
    "depth by blocks": "<div>" * 20_000,
    "depth by tables": "<table><td>" * 9_000,
    "depth by lists": "<ul><li>" * 12_000,
    "links without an address": "<a></a>" * 14_000,
    "ampersands": "&" * MAX_LENGTH,
    "blanks": "\xa0" * MAX_LENGTH,
    "empty elements": "<p>" * 33_000,
    "Markdown: HTML in a list": "".join(f"{'> ' * 9}- <b a{i}><i>\n" for i in range(1_500)),
    "Markdown: levels of HTML": "<blockquote>" * 1_500,
    "Markdown: a definition used often": f"[a]: /{'x' * 900}\n\n" + "[a] " * 9_000,
    "Markdown: a title used often": f'[a]: / "{"x" * 20_000}"\n\n' + "[a] " * 5_000,
    "Markdown: quotes": ("> " * 20 + "a\n\n") * 2_000,
    "Markdown: lines": "- a\n" * 25_000,
    "Markdown: brackets": "![" * 50_000,
    "Markdown: addresses": "<x@y.z>" * 14_000,
    "Markdown: emphasis in emphasis": "*a **a " * 9_000 + "a** a*" * 5_000,
    "Markdown: openers without closers": "*_" * 50_000,
    "Markdown: runs of backticks": "".join("`" * i + " " for i in range(1, 440)),
    "Markdown: links in brackets": "[a](" * 25_000,
    "Markdown: addresses with blanks": "[a](<b" * 16_000,
    "Markdown: entities": "&#0;&amp" * 12_000,
    "Markdown: tables": ("|" * 200 + "\n" + "|-" * 200 + "|\n" + "\n") * 160,
    "Markdown: fences": "```\n" * 25_000,
    "Markdown: headings": "x\n=\n" * 25_000,
    "foreign formatting": "<svg><b><math><i><svg></b>" * 3_800,
    "selects": "<select><option><b>" * 5_000,
    "plaintext": "<plaintext><b>" * 7_000,
    "adoption in tables": "<table><b><tr><i><td></b>x</i>" * 3_000,
    "a link in a link in a block": "<a href=x><div>" * 6_500,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str) -> None:
    content_format = "markdown" if name.startswith("Markdown") else "html"
    assert require_bounded(BOMBS[name][:MAX_LENGTH], content_format) is None


HARMLESS_BOMBS = {
    "attributes": "<p " + " ".join(f"a{i}=1" for i in range(12_000)) + ">x</p>",
    "attributes of one name": "<a" + " href" * 19_000 + ">x</a>",
    "hidden in an attribute": "<textarea><b x='</textarea>" + "<b>" * 30_000 + "'>",
    "ends without starts": "</p>" * 25_000,
    "comments": "<!--" * 25_000,
    "empty comments": "<!---->" * 14_000,
    "CDATA": "<![CDATA[" * 11_000,
    "foreign content": "<svg><math><mi>" * 6_000,
    "templates": "<template><select>" * 5_000,
    "scripts": "<script>" * 12_000,
    "open attributes": '<a href="' * 11_000,
    "an unclosed tag": "<a" + " b  " * 20_000,
    "a long name": "<" + "a" * 99_000,
    "entities": "&NotEqualTilde;" * 6_600,
    "foster parents": "<table>" + "<br>" * 15_000,
    "nested lists": "".join("  " * i + "- a\n" for i in range(310)),
    "nested quotes": "> - " * 10_000,
    "entities without an end": "&lt" * 33_000,
    "numeric entities": "&#x1F375;" * 11_000,
    "a very long attribute": f"<a href='{'/x' * 49_000}'>x</a>",
    "entities in an attribute": f"<a title='{'&quot;' * 16_000}'>x</a>",
    "attributes on every tag": "<p a=1 b=2 c=3 d=4>x</p>" * 4_000,
    "equals signs": "<a " + "=" * 99_000 + ">x",
    "quotes in a tag": "<a " + "'\"" * 49_000,
    "slashes in a tag": "<p" + "/" * 99_000 + ">x",
    "foreign breakouts": "<svg><desc><p></svg>" * 5_000,
    "nested tables in foreign content": "<math><annotation-xml><table>" * 3_400,
    "end tags of other elements": "<p>x</b></i></td></svg></form>" * 3_300,
    "frames": "<frameset><frame>" * 5_500,
    "closing quotes": "> " * 40_000,
    "deep emphasis": "*" * 9_000 + "a" + "*" * 9_000,
    "rules": "* " * 49_000,
    "escapes": "\\*" * 49_000,
    "blank lines in a list": "- a\n\n\n" * 2_400,
    "reference definitions over lines": "[a\n" * 9_000,
    "rows without cells": "<table>" + "<tr>x" * 19_000,
    "titles that do not end": '[a](/b "' * 12_000,
    "definitions": "".join(f"[{i}]: /b\n" for i in range(9_000)) + "".join(f"[{i}]" for i in range(9_000)),
    "all kinds of formatting": "<b><i><u><s><em><strong><small><code>" * 3 + "<p>x<div>y</div>" * 6_000,
    "misnested links": f"<a href={'x' * 900}>" + "<div>" * 9 + "</a>" * 20_000,
    "depth hidden by misnesting": ("<code><span></code>" + "<abbr>" * 20 + "</span>") * 500,
    "adoption of many": "".join(f"<b a{i}>" for i in range(8)) + "<p></b>x" * 12_000,
    "rows that lack cells": "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|1\n" * 9_000,
}


@pytest.mark.parametrize("name", HARMLESS_BOMBS)
def test_content_that_only_looks_large_stays_in_bounds(name: str) -> None:
    for content_format in ("html", "markdown"):
        require_bounded(HARMLESS_BOMBS[name][:MAX_LENGTH], content_format)
    assert require_bounded(HARMLESS_BOMBS[name][:MAX_LENGTH], "html") is not None


def test_no_bomb_takes_more_memory_than_a_small_process_has() -> None:
    script = """
import resource
from blog_app.blog.content import MAX_LENGTH, render
from blog_app.errors import Invalid
from tests.blog.test_content import BOMBS, HARMLESS_BOMBS
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000,) * 2)
for bomb in [*BOMBS.values(), *HARMLESS_BOMBS.values()]:
    for content_format in ("html", "markdown"):
        try:
            render(bomb[:MAX_LENGTH], content_format)
        except Invalid:
            pass
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_bomb_gets_422_for_the_content(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "A bomb", "content": BOMBS["unclosed formatting"], "content_format": "html"}
    assert author.post("/posts", body, status=422).json["errors"][0]["pointer"] == "/content"
    post = author.post("/posts", {"title": "Tea", "content": "Boil it."}).json
    author.patch(f"/posts/{post['id']}", {"content": "<div>" * 1_000}, status=422)
    author.put(f"/posts/{post['id']}/publication", {})
    comment = {"content": "&" * MAX_COMMENT_LENGTH}
    assert author.post(f"/posts/{post['id']}/comments", comment, status=422).json["errors"][0]["pointer"] == "/content"


def test_html_that_was_stored_is_accepted_again(app: Flask) -> None:
    author = sign_up(app, "author")
    html = "<p><b>x<p>y</b> &amp; <a href='/a'>z<table><caption>c</caption><tr><td>1</table><pre>\n\ncode</pre>" * 20
    post = author.post("/posts", {"title": "Tea", "content": html, "content_format": "html"}).json
    body = {"title": "Tea", "kind": "article", "content": post["content"], "content_format": "html"}
    again = author.put(f"/posts/{post['id']}", body).json
    assert (again["content"], again["content_html"]) == (post["content"], post["content_html"])


LINKS = "".join(f'<a href="https://a.example/{i:04}">here</a>\n' for i in range(2_300))


def test_harmless_html_may_grow_by_sanitizing_and_can_be_changed_again(app: Flask) -> None:
    assert len(LINKS) < MAX_LENGTH < len(render(LINKS, "html")[0])
    author = sign_up(app, "author")
    path = f"/posts/{author.post('/posts', {'title': 'Tea', 'content': LINKS, 'content_format': 'html'}).json['id']}"
    post = author.patch(path, {"title": "Kettles", "excerpt": "Short"}).json
    body = {"title": "Pots", "kind": "article", "content": post["content"] + "<p>x</p>", "content_format": "html"}
    assert author.put(path, body).json["content"] == post["content"] + "<p>x</p>"


def test_more_than_may_be_sent_is_refused_unless_it_is_what_was_returned() -> None:
    for content, content_format in ((LINKS * 2, "html"), ("<p>x" * 26_000, "html"), ("x " * 50_001, "markdown")):
        with pytest.raises(Invalid) as caught:
            render(content, content_format)
        pointers_are_content(caught.value)


def test_a_bomb_of_an_older_release_can_be_changed_and_replaced(app: Flask) -> None:
    author = sign_up(app, "author")
    post = author.post("/posts", {"title": "Tea", "content": "Boil it."}).json
    bomb = "<blockquote>" * 1_500
    with app.app_context():
        Post.update(content=bomb, content_html=bomb + "x" * 3_000_000).where(Post.id == post["id"]).execute()
    path = f"/posts/{post['id']}"
    assert author.patch(path, {"title": "Kettles"}).json["title"] == "Kettles"
    author.patch(path, {"content": bomb + "<p>"}, status=422)
    assert author.patch(path, {"content": "Boil it again."}).json["content_html"] == "<p>Boil it again.</p>"


def test_long_ordinary_content_is_accepted() -> None:
    paragraph = (
        "Boil the *water* and **wait** for `96 °C`, as [others](https://a.example/tea) do, & pour. " + "Tea. " * 60
    )
    code = "```python\nif a < b:\n    x[1] = 2\n```"
    article = f"## A kettle\n\n{paragraph}\n\n- one\n- two\n  - three\n\n> Well.\n\n{code}\n\n"
    table = "| name | price | in stock |\n|---|---|---|\n" + "| kettle | 12.50 | yes |\n" * 3_500
    cells = "<table><tr><th>a</th></tr>" + "<tr><td>tea</td><td>12.50</td></tr>\n" * 2_000 + "</table>"
    sloppy = "<p><a name=x>Tea <b><i>is</b></i> <a href=/b>g<span>oo</a>d</span>.<ul><li>one<li>two</ul>\n" * 500
    assert require_bounded((article * 300)[:MAX_LENGTH], "markdown")
    assert require_bounded(table[:MAX_LENGTH], "markdown")
    assert require_bounded(cells, "html")
    assert require_bounded(render((article * 300)[:70_000], "markdown")[1], "html")
    assert require_bounded(sloppy[:20_000], "html")
