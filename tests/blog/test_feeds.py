"""Feeds and sitemaps conform to their specifications."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from blog_app.blog.feeds import sitemap
from blog_app.blog.models import Post
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, sign_up
from tests.helpers.statements import captured_statements

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NASTY = "Tea & <b>milk</b> ]]> \x0b\x1f\ufffe \U0001f375 שלום"


def fetch(app: Flask, path: str, status: int = 200, **headers: str) -> TestResponse:
    response = app.test_client().get(path, headers=headers)
    assert response.status_code == status, response.text
    return response


@pytest.fixture
def author(app: Flask) -> Caller:
    """An author with two public posts, one of them hard to escape, and a draft."""
    editor = sign_up(app, "editor", name="Ada & Co <x>")
    editor.post("/tags", {"name": "Tea"})
    category = editor.post("/categories", {"name": "Kitchen"}).json["id"]
    write_post(
        editor, NASTY, tags=["tea"], category_id=category, content="<script>x</script> *Boil* & &lt;pour&gt; \x0b"
    )
    write_post(editor, "Plain")
    write_post(editor, "A draft", published=False)
    return editor


def texts(parent: Any, path: str) -> list[str | None]:
    return [each.text for each in parent.findall(path)]


def test_rss(app: Flask, author: Caller) -> None:
    response = fetch(app, "/feeds/rss.xml")
    assert response.content_type == "application/rss+xml; charset=utf-8"
    root = ElementTree.fromstring(response.data)
    assert (root.tag, root.attrib) == ("rss", {"version": "2.0"})
    (channel,) = root
    assert all(texts(channel, name) for name in ("title", "link", "description"))
    assert channel.find(f"{ATOM}link").get("href").endswith("/feeds/rss.xml")
    plain, nasty = channel.findall("item")
    assert texts(plain, "title") == ["Plain"]
    assert nasty.find("title").text.startswith("Tea & <b>milk</b> ]]>")
    assert parsedate_to_datetime(nasty.find("pubDate").text)
    assert nasty.find("guid").get("isPermaLink") == "false"
    assert len({item.find("guid").text for item in (plain, nasty)}) == 2
    assert sorted(texts(nasty, "category")) == ["Kitchen", "Tea"]
    assert "&lt;pour&gt;" in nasty.find("description").text  # HTML, as readers take it.
    assert "<script" not in nasty.find("{http://purl.org/rss/1.0/modules/content/}encoded").text
    assert texts(nasty, "{http://purl.org/dc/elements/1.1/}creator") == ["Ada & Co <x>"]


def test_atom(app: Flask, author: Caller) -> None:
    response = fetch(app, "/feeds/atom.xml")
    assert response.content_type == "application/atom+xml; charset=utf-8"
    root = ElementTree.fromstring(response.data)
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(ATOM + name)) == 1
        assert RFC_3339.fullmatch(element.find(f"{ATOM}updated").text)
    assert {link.get("rel") for link in root.findall(f"{ATOM}link")} == {"self", "alternate"}
    entries = root.findall(f"{ATOM}entry")
    assert [entry.find(f"{ATOM}id").text[:9] for entry in entries] == ["urn:uuid:"] * 2
    assert entries[1].find(f"{ATOM}author/{ATOM}name").text == "Ada & Co <x>"
    assert entries[1].find(f"{ATOM}content").get("type") == "html"
    assert [each.get("term") for each in entries[1].findall(f"{ATOM}category")] == ["Kitchen", "Tea"]


def test_json_feed(app: Flask, author: Caller) -> None:
    response = fetch(app, "/feeds/feed.json")
    assert response.content_type == "application/feed+json"
    feed = response.json
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"].endswith("/feeds/feed.json")
    for item in feed["items"]:
        assert item.keys() >= {"id", "url", "title", "content_html", "date_published"}
        assert RFC_3339.fullmatch(item["date_published"])
    assert feed["items"][1]["tags"] == ["Kitchen", "Tea"]


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json"])
def test_categories_tags_and_authors_have_feeds(app: Flask, author: Caller, file: str) -> None:
    for path in ("categories/kitchen", "tags/tea"):
        text = fetch(app, f"/feeds/{path}/{file}").text
        assert "Boil" in text
        assert "Plain" not in text
    assert "Plain" in fetch(app, f"/feeds/authors/{author.user_id}/{file}").text
    for path in ("categories/x", "tags/x", "authors/x"):
        assert fetch(app, f"/feeds/{path}/{file}", 404).mimetype == "application/problem+json"


@pytest.mark.parametrize("path", ["/feeds/rss.xml", "/feeds/atom.xml", "/feeds/feed.json", "/sitemap.xml"])
def test_an_unchanged_feed_is_304(app: Flask, author: Caller, path: str) -> None:
    tag = fetch(app, path).headers["ETag"]
    assert fetch(app, path, 304, **{"If-None-Match": tag}).data == b""
    write_post(author, "News")
    assert fetch(app, path, **{"If-None-Match": tag}).headers["ETag"] != tag


@pytest.mark.parametrize("path", ["/feeds/rss.xml", "/feeds/atom.xml", "/feeds/feed.json", "/sitemap.xml"])
def test_an_empty_blog_has_feeds_too(app: Flask, path: str) -> None:
    fetch(app, path)


def test_a_feed_takes_one_statement_and_one_for_the_authors(app: Flask, author: Caller) -> None:
    with captured_statements() as sent:
        fetch(app, "/feeds/atom.xml")
    # To fill its entry, the cache asks besides when the next post comes out.
    assert len([sql for sql in sent if "MIN(" not in sql]) == 2


def test_the_sitemap_lists_public_posts(app: Flask, author: Caller) -> None:
    root = ElementTree.fromstring(fetch(app, "/sitemap.xml").data)
    assert root.tag == f"{MAP}urlset"
    places = [url.find(f"{MAP}loc").text for url in root]
    assert places[0].endswith("/plain")
    assert len(places) == 2
    assert all(RFC_3339.fullmatch(url.find(f"{MAP}lastmod").text) for url in root)


def test_a_large_sitemap_is_split_by_month(app: Flask, author: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        Post.update(published_at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC)).where(Post.status == "published").execute()
    monkeypatch.setattr(sitemap, "MAX_URLS", 1)
    root = ElementTree.fromstring(fetch(app, "/sitemap.xml").data)
    assert root.tag == f"{MAP}sitemapindex"
    (place,) = [each.find(f"{MAP}loc").text for each in root]
    monkeypatch.setattr(sitemap, "MAX_URLS", 50_000)
    month = ElementTree.fromstring(fetch(app, place.partition("localhost")[2]).data)
    assert len(month) == 2
    fetch(app, "/sitemaps/2026-13.xml", 404)
