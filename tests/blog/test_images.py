"""Images of posts."""

from __future__ import annotations

import pytest
from flask import Flask

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


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:image/png;base64,x", "//x", "kettle.jpg", "https://", ""])
def test_an_image_needs_a_web_url(app: Flask, url: str) -> None:
    author = sign_up(app, "author")
    path = f"/posts/{write_post(author)['id']}/images"
    assert author.post(path, {"url": url}, status=422).json["errors"][0]["pointer"] == "/url"
