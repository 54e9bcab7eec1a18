"""HTML sanitizing of posts and comments, against a list of XSS attacks."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask

from blog_app.blog.content import plain_text, render, render_comment, summary_of
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


@pytest.mark.parametrize("bomb", ["[", "<div>", "> ", "*a_ ", "![", "`a", "<a ", "|a"])
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
