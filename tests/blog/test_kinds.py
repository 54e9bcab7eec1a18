"""Kinds of posts: articles and videos share a table, and have a schema each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee
import pytest
from flask import Flask
from uuid_utils.compat import uuid7

from blog_app.blog import posts as actions
from blog_app.blog.models import Article, Category, Image, Post, PostTag, Tag, Video
from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up

VIDEO = {"kind": "video", "title": "How it whistles", "content": "Listen.", "url": "https://v.example/1.mp4"}


def test_each_kind_has_its_own_fields(app: Flask) -> None:
    author = sign_up(app, "author")
    article = author.post("/posts", {"title": "Tea", "content": "word " * 401, "excerpt": "Short."}).json
    assert (article["kind"], article["excerpt"], article["summary"]) == ("article", "Short.", "Short.")
    assert (article["metadata"]["reading_time"], article["url"], article["duration"]) == (3, None, None)
    video = author.post("/posts", {**VIDEO, "duration": 90}).json
    assert (video["kind"], video["url"], video["duration"]) == ("video", VIDEO["url"], 90)
    assert (article["word_count"], video["word_count"]) == (401, 1)
    assert (video["metadata"]["reading_time"], video["excerpt"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": None}, "/url"),
        ({"url": "javascript:alert(1)"}, "/url"),
        ({"url": "ftp://v.example/1.mp4"}, "/url"),
        ({"duration": 0}, "/duration"),
        ({"duration": "90"}, "/duration"),
        ({"excerpt": "A video has none."}, "/excerpt"),
        ({"kind": "poem"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"kind": ["video"]}, "/kind"),
    ],
)
def test_each_kind_validates_its_own_fields(app: Flask, change: dict[str, object], pointer: str) -> None:
    errors = sign_up(app, "author").post("/posts", {**VIDEO, **change}, status=422).json["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


def test_an_article_has_no_url(app: Flask) -> None:
    body = {"title": "Tea", "content": "Boil.", "url": VIDEO["url"]}
    assert sign_up(app, "author").post("/posts", body, status=422).json["errors"][0]["pointer"] == "/url"


def test_the_kind_of_a_post_cannot_change(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}"
    problem = author.patch(path, {"kind": "video", "url": VIDEO["url"], "excerpt": None}, status=422).json
    assert problem["errors"][0]["pointer"] in ("/kind", "/excerpt")
    assert author.put(path, VIDEO, status=422).json["errors"][0]["pointer"] == "/kind"


def test_a_patch_of_a_video_accepts_the_fields_of_videos(app: Flask) -> None:
    author = sign_up(app, "author")
    video = author.post("/posts", VIDEO).json
    assert author.patch(f"/posts/{video['id']}", {"duration": 7}).json["duration"] == 7
    assert author.put(f"/posts/{video['id']}", VIDEO).json["duration"] is None


def test_posts_are_filtered_by_kind(app: Flask) -> None:
    author = sign_up(app, "author")
    write_post(author)
    video = author.post("/posts", VIDEO).json
    author.put(f"/posts/{video['id']}/publication", {})
    assert [post["id"] for post in anonymous(app).get("/posts?kind=video").json["data"]] == [video["id"]]
    anonymous(app).get("/posts?kind=poem", status=400)


def test_selected_posts_are_instances_of_their_kind(app: Flask) -> None:
    author = sign_up(app, "author")
    write_post(author)
    author.post("/posts", VIDEO)
    with app.app_context():
        assert [type(post) for post in Post.select().order_by(Post.id)] == [Article, Video]


AUTHOR = UUID("01890000-0000-7000-8000-000000000001")


def make(model: Any, **values: Any) -> Any:
    """Save a new post of this model, and return it."""
    url = {"url": VIDEO["url"]} if model is Video else {}
    post = model(title="Tea", content="Boil.", slug=str(uuid7()), author_id=AUTHOR, **url, **values)
    post.derive()
    post.save(force_insert=True)
    return post


@pytest.fixture
def shelf(app: Flask) -> tuple[Any, Any, Any]:
    """A category with an article and a video, each with an image and a tag."""
    with app.app_context():
        category, tag = (model.create(name="Tea", slug="tea") for model in (Category, Tag))
        found = [make(model, category=category.id) for model in (Article, Video)]
        for post in found:
            Image.create(post=post, url=VIDEO["url"])
            PostTag.insert(post=post.id, tag=tag.id).execute()
        yield category, *found


def ids(query: Any) -> list[UUID]:
    return sorted(row.id for row in query)


def test_what_is_made_of_a_kind_is_saved_as_that_kind(app: Flask) -> None:
    with app.app_context():
        made = [make(model) for model in (Article, Video)]
        posts = list(Post.select().order_by(Post.id))
    assert [(type(post), post.kind) for post in posts] == [(Article, "article"), (Video, "video")]
    assert [post.reading_time for post in made] == [1, None]


def test_a_post_made_without_a_kind_is_an_article(app: Flask) -> None:
    with app.app_context():
        assert [type(make(Post)), type(make(Post, kind="video", url=VIDEO["url"]))] == [Article, Video]
        created = actions.create(AUTHOR, [], title="Tea", content="Boil.")
        assert (type(created), created.reading_time) == (Article, 1)


def test_an_instance_never_changes_its_kind(app: Flask) -> None:
    for attempt in (lambda: Video(kind="article"), lambda: setattr(Article(), "kind", "video")):
        with pytest.raises(ValueError, match="kind"):
            attempt()


def test_a_kind_selects_its_rows_only(shelf: tuple[Any, Any, Any]) -> None:
    _, article, video = shelf
    assert (ids(Article.select()), ids(Video.select()), ids(Post.select())) == (
        [article.id], [video.id], [article.id, video.id],
    )  # fmt: skip
    assert (Article.select().count(), Video.select().where(Video.title == "Tea").exists()) == (1, True)
    assert Video.get_by_id(video.id).url == VIDEO["url"]
    assert Article.get_or_none(Article.id == video.id) is None
    assert ids(Video.select().order_by(Video.id).limit(5).for_update(of=Video)) == [video.id]
    assert ids(Video.with_deleted()) == [video.id]
    video.soft_delete()
    assert (ids(Video.select()), ids(Video.only_deleted()), ids(Article.only_deleted())) == ([], [video.id], [])


def test_a_joined_kind_is_its_rows_only(shelf: tuple[Any, Any, Any]) -> None:
    _, article, video = shelf
    images = Image.select(Image, Video).join(Video)
    assert [(type(image.post), image.post.id) for image in images] == [(Video, video.id)]
    assert ids(Article.select().join(Image)) == [article.id]
    assert [row.id for row in Tag.select().join(PostTag).join(Video)] == [row.id for row in Tag.select()]
    assert Category.select(Video.id).join(Video).tuples().execute()[0][0] == video.id
    other = Video.alias()
    assert [post.id for post in other.select()] == [video.id]
    joined = Category.select(Category.id, other.id).join(
        other, peewee.JOIN.LEFT_OUTER, on=other.category == Category.id
    )
    assert len(joined.tuples()) == 1
    make(Article, category=Category.create(name="Milk", slug="milk").id)
    outer = Category.select(Category, Video).join(Video, peewee.JOIN.LEFT_OUTER).order_by(Category.id)
    assert [getattr(row, "video", None) and row.video.id for row in outer] == [video.id, None]


def test_rows_of_a_join_are_instances_of_their_kind(shelf: tuple[Any, Any, Any]) -> None:
    images = Image.select(Image, Post).join(Post).order_by(Image.id)
    assert [type(image.post) for image in images] == [Article, Video]


def test_back_references_and_prefetches_know_kinds(shelf: tuple[Any, Any, Any]) -> None:
    category, article, video = shelf
    assert (ids(category.posts), ids(category.articles), ids(category.videos)) == (
        [article.id, video.id], [article.id], [video.id],
    )  # fmt: skip
    assert [image.post_id for image in video.images] == [video.id]
    (fetched,) = peewee.prefetch(Category.select(), Video.select())
    assert ids(fetched.videos) == [video.id]
    (fetched,) = peewee.prefetch(Video.select(), Image.select())
    assert [image.post_id for image in fetched.images] == [video.id]
    assert [type(post) for post in peewee.prefetch(Post.select().order_by(Post.id), Image.select())] == [Article, Video]


def test_updates_and_deletes_of_a_kind_change_its_rows_only(shelf: tuple[Any, Any, Any]) -> None:
    _, article, video = shelf
    assert Video.update(title="Moving pictures").execute() == 1
    assert Article.update({Article.title: "No picture"}).where(Article.id.in_([article.id, video.id])).execute() == 1
    assert {post.id: post.title for post in Post.select()} == {article.id: "No picture", video.id: "Moving pictures"}
    assert Article.delete().where(Article.id == video.id).execute() == 0
    assert Article.delete().execute() == 1
    assert ids(Post.select()) == [video.id]
    inserted = {**Post.get_by_id(video.id).__data__, "id": uuid7(), "slug": "other"}
    del inserted["kind"]
    Video.insert(inserted).execute()
    assert Video.select().count() == 2
