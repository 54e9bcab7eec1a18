"""Images of posts."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.blog.models import Comment, Image
from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up

IMAGE = {"url": "https://images.example.com/kettle.jpg", "caption": "Before", "alt_text": "A kettle"}


def test_images_are_listed_and_included_with_their_post(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}"
    made = [author.post(f"{path}/images", {**IMAGE, "caption": caption}).json["id"] for caption in ("1", "2")]
    assert [image["id"] for image in anonymous(app).get(f"{path}/images").json["data"]] == made
    assert [image["caption"] for image in anonymous(app).get(f"{path}?include=images").json["images"]] == ["1", "2"]
    assert author.put(f"/images/{made[0]}", {"url": IMAGE["url"]}).json["caption"] == ""
    author.delete(f"/images/{made[0]}")
    assert [image["id"] for image in anonymous(app).get(f"{path}/images").json["data"]] == made[1:]


def test_images_have_the_permissions_of_their_post(app: Flask) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author, published=False)['id']}"
    image = f"/images/{author.post(f'{path}/images', IMAGE).json['id']}"
    for hidden in (image, f"{path}/images"):
        anonymous(app).get(hidden, status=404)
        sign_up(app, "author").get(hidden, status=404)
    sign_up(app, "editor").patch(image, {"caption": "After"})
    author.put(f"{path}/publication", {})
    sign_up(app, "author").patch(image, {"caption": "Mine"}, status=403)
    sign_up(app, "author").post(f"{path}/images", IMAGE, status=403)


def test_a_deleted_image_is_hidden_with_its_comments_and_restored_by_an_editor(app: Flask) -> None:
    author, editor, reader = sign_up(app, "author"), sign_up(app, "editor"), anonymous(app)
    post = f"/posts/{write_post(author)['id']}"
    image = f"/images/{author.post(f'{post}/images', IMAGE).json['id']}"
    comment = f"/comments/{editor.post(f'{image}/comments', {'content': 'Ah!'}).json['id']}"
    paths = (f"{post}?include=images", f"{post}/images", "/posts?include=images")

    def shown() -> list[int]:
        lists = (reader.get(path).json for path in paths for _ in range(3))  # Also from the cache.
        return [str(found).count(IMAGE["url"]) for found in lists]

    assert set(shown()) == {1}
    author.delete(image)
    assert set(shown()) == {0}
    for hidden in (image, f"{image}/comments", comment):
        editor.get(hidden, status=404)
    editor.post(f"{image}/comments", {"content": "Oh!"}, status=404)
    author.patch(image, {"caption": "After"}, status=404)
    author.delete(image, status=404)
    assert editor.get("/comments").json["data"] == []
    for seen in ("with", "only"):
        assert [each["caption"] for each in editor.get(f"{post}/images?deleted={seen}").json["data"]] == ["Before"]
        author.get(f"{post}/images?deleted={seen}", status=403)
    author.put(f"{image}/restoration", status=403)
    for _ in range(2):
        assert editor.put(f"{image}/restoration").json["caption"] == "Before"
    assert set(shown()) == {1}
    assert reader.get(comment).json["content"] == "Ah!"


def test_only_a_deleted_image_is_deleted_permanently_and_only_by_an_admin(app: Flask) -> None:
    author, editor, admin = sign_up(app, "author"), sign_up(app, "editor"), sign_up(app, "admin")
    post = f"/posts/{write_post(author)['id']}"
    image = f"/images/{author.post(f'{post}/images', IMAGE).json['id']}"
    editor.post(f"{image}/comments", {"content": "Ah!"})
    admin.delete(f"{image}/remains", status=409)
    author.delete(image)
    editor.delete(f"{image}/remains", status=403)
    admin.delete(f"{image}/remains")
    admin.put(f"{image}/restoration", status=404)
    with app.app_context():
        assert (Image.with_deleted().count(), Comment.with_deleted().count()) == (0, 0)


def test_a_deleted_image_goes_with_its_post(app: Flask) -> None:
    admin = sign_up(app, "admin")
    post = f"/posts/{write_post(admin)['id']}"
    image = f"/images/{admin.post(f'{post}/images', IMAGE).json['id']}"
    admin.post(f"{image}/comments", {"content": "Ah!"})
    admin.delete(image)
    admin.delete(post)
    admin.put(f"{image}/restoration", status=404)
    admin.delete(f"{post}/remains")
    with app.app_context():
        assert (Image.with_deleted().count(), Comment.with_deleted().count()) == (0, 0)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:image/png;base64,x", "//x", "kettle.jpg", "https://", ""])
def test_an_image_needs_a_web_url(app: Flask, url: str) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}/images"
    assert author.post(path, {"url": url}, status=422).json["errors"][0]["pointer"] == "/url"
