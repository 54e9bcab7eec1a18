"""Full-text search, prefix search and related posts."""

from __future__ import annotations

from flask import Flask

from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up


def found(caller: Caller, query: str) -> list[str]:
    return [post["title"] for post in caller.get(f"/posts?{query}").json["data"]]


def library(app: Flask) -> Caller:
    editor = sign_up(app, "editor")
    editor.post("/tags", {"name": "Kettle"})
    write_post(editor, "In the text", content="A very long text about many things, with one kettle in it.")
    write_post(editor, "By its tag", tags=["kettle"])
    write_post(editor, "The kettle itself")
    write_post(editor, "A draft of a kettle", published=False)
    write_post(editor, "Coffee", content="No **such** thing & <script>alert(1)</script> no whistle.")
    return editor


def test_titles_rank_above_tags_and_tags_above_content(app: Flask) -> None:
    library(app)
    assert found(anonymous(app), "q=kettles") == ["The kettle itself", "By its tag", "In the text"]
    assert found(anonymous(app), "q=kettle&sort=title") == ["By its tag", "In the text", "The kettle itself"]


def test_drafts_are_found_by_those_who_may_see_them(app: Flask) -> None:
    editor = library(app)
    assert "A draft of a kettle" in found(editor, "q=kettle")


def test_search_has_the_syntax_of_web_search_engines(app: Flask) -> None:
    library(app)
    assert found(anonymous(app), "q=kettle+long") == ["In the text"]
    assert found(anonymous(app), 'q="long+text"') == ["In the text"]
    assert set(found(anonymous(app), "q=coffee+or+long")) == {"Coffee", "In the text"}
    assert found(anonymous(app), "q=kettle+-long") == ["The kettle itself", "By its tag"]
    assert found(anonymous(app), "q=the+and") == []


def test_prefixes_match_titles_and_tags(app: Flask) -> None:
    library(app)
    assert set(found(anonymous(app), "q=kett*")) == {"The kettle itself", "By its tag"}
    assert found(anonymous(app), "q=kett*+long") == []
    anonymous(app).get("/posts?q=k*", status=400)
    assert found(anonymous(app), "title[starts_with]=the+KETT") == ["The kettle itself"]
    assert [tag["slug"] for tag in anonymous(app).get("/tags?name[starts_with]=KETT").json["data"]] == ["kettle"]


def test_hostile_search_strings_cause_no_error(app: Flask) -> None:
    library(app)
    client = app.test_client()
    for words in ("'", "''", "ab'cd*", "ab\\*", ":*", "!!", "((", "a & | !", "<->", "ab:*B", "🍵🍵*", "%", "ab* -cd*"):
        assert client.get("/api/v1/posts", query_string={"q": words}).status_code in (200, 400), words


def test_a_snippet_marks_the_matches_and_has_no_other_html_tag(app: Flask) -> None:
    library(app)
    (post,) = anonymous(app).get("/posts?q=whistle&fields=id,snippet,relevance").json["data"]
    assert "<mark>whistle</mark>" in post["snippet"]
    assert "<" not in post["snippet"].replace("<mark>", "").replace("</mark>", "")
    assert post["relevance"] > 0
    anonymous(app).get("/posts?fields=id,snippet", status=400)
    anonymous(app).get("/posts?sort=-relevance", status=400)


def test_pages_of_a_search_hold_every_match_once(app: Flask) -> None:
    editor = sign_up(app, "editor")
    for number in range(7):
        write_post(editor, f"Kettle {number}", content="kettle " * (1 + number % 3))
    whole = found(anonymous(app), "q=kettle")
    walked, cursor = [], ""
    while cursor is not None:
        page = anonymous(app).get(f"/posts?q=kettle&limit=2{cursor and '&cursor=' + cursor}").json
        walked += [post["title"] for post in page["data"]]
        cursor = page["page"]["next"]
    assert walked == whole
    assert len(set(walked)) == 7
    assert anonymous(app).get("/posts?q=kettle&count=true").json["page"]["total"] == 7


def test_filters_apply_to_a_search(app: Flask) -> None:
    library(app)
    assert found(anonymous(app), "q=kettle&tag=kettle") == ["By its tag"]


def test_related_posts_are_sorted_by_shared_tags(app: Flask) -> None:
    editor = sign_up(app, "editor")
    for name in ("Tea", "Milk", "Sugar"):
        editor.post("/tags", {"name": name})
    post = write_post(editor, "The one", tags=["tea", "milk"])
    write_post(editor, "One shared", tags=["tea", "sugar"])
    write_post(editor, "Two shared", tags=["milk", "tea"])
    write_post(editor, "None shared", tags=["sugar"])
    write_post(editor, "A draft", tags=["milk", "tea"], published=False)
    page = anonymous(app).get(f"/posts/{post['slug']}/related?include=tags,author").json["data"]
    assert [(each["title"], each["shared_tags"]) for each in page] == [("Two shared", 2), ("One shared", 1)]
    anonymous(app).get("/posts/nothing/related", status=404)
