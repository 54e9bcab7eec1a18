"""Posts: visibility, creating, publishing, pagination."""

from flask import Flask

from tests.helpers.caller import Caller, anonymous, sign_up


def write_post(
    author: Caller, title: str = "On the making of tea", *, published: bool = True, **values: object
) -> dict:
    post = author.post("/posts", {"title": title, "content": "Boil water.", **values}).json
    return author.put(f"/posts/{post['id']}/publication", {}).json if published else post


def test_a_draft_is_visible_to_its_author_and_editors_only(app: Flask) -> None:
    author, other, editor = sign_up(app, "author"), sign_up(app, "author"), sign_up(app, "editor")
    post = write_post(author, published=False)
    author.get(f"/posts/{post['id']}")
    editor.get(f"/posts/{post['id']}")
    other.get(f"/posts/{post['id']}", status=404)
    anonymous(app).get(f"/posts/{post['slug']}", status=404)


def test_a_published_post_is_shown_by_id_and_by_slug(app: Flask) -> None:
    post = write_post(sign_up(app, "author"))
    assert anonymous(app).get(f"/posts/{post['id']}").json == anonymous(app).get(f"/posts/{post['slug']}").json


def test_a_scheduled_post_is_not_public_yet(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author, published=False)
    author.put(f"/posts/{post['id']}/publication", {"published_at": "2999-01-01T00:00:00Z"})
    anonymous(app).get(f"/posts/{post['id']}", status=404)


def test_an_author_cannot_change_the_post_of_another(app: Flask) -> None:
    post = write_post(sign_up(app, "author"))
    sign_up(app, "author").patch(f"/posts/{post['id']}", {"title": "Mine now"}, status=403)
    sign_up(app).patch(f"/posts/{post['id']}", {"title": "Mine now"}, status=403)
    anonymous(app).patch(f"/posts/{post['id']}", {"title": "Mine now"}, status=401)
    sign_up(app, "editor").patch(f"/posts/{post['id']}", {"title": "A better title"})


def test_patch_keeps_omitted_fields_and_put_resets_them(app: Flask) -> None:
    editor = sign_up(app, "editor")
    editor.post("/tags", {"name": "Tea"})
    category = editor.post("/categories", {"name": "Kitchen"}).json
    post = write_post(editor, tags=["tea"], category_id=category["id"])
    patched = editor.patch(f"/posts/{post['id']}?include=tags", {"title": "Coffee"}).json
    assert (patched["category_id"], [tag["slug"] for tag in patched["tags"]]) == (category["id"], ["tea"])
    put = editor.put(f"/posts/{post['id']}?include=tags", {"title": "Coffee", "content": "Grind."}).json
    assert (put["category_id"], put["tags"]) == (None, [])


def test_posts_with_the_same_title_get_different_slugs(app: Flask) -> None:
    author = sign_up(app, "author")
    first, second = write_post(author, "Tea"), write_post(author, "Tea")
    assert first["slug"] == "tea"
    assert second["slug"].startswith("tea-")


def test_cursors_walk_every_post_once_in_both_directions(app: Flask) -> None:
    author = sign_up(app, "author")
    written = [write_post(author, f"Post number {number}")["id"] for number in range(7)]
    walked, path = [], "/posts?limit=3"
    while path:
        page = anonymous(app).get(path).json
        walked += [post["id"] for post in page["data"]]
        last, cursor = page, page["page"]["next"]
        path = f"/posts?limit=3&cursor={cursor}" if cursor else None
    assert walked == written[::-1]
    back = anonymous(app).get(f"/posts?limit=3&cursor={last['page']['previous']}").json
    assert [post["id"] for post in back["data"]] == walked[3:6]


def test_if_match_with_an_old_version_is_412_and_changes_nothing(app: Flask) -> None:
    author = sign_up(app, "author")
    post = write_post(author)
    old = author.get(f"/posts/{post['id']}").headers["ETag"]
    author.patch(f"/posts/{post['id']}", {"title": "Second"}, **{"If-Match": old})
    author.patch(f"/posts/{post['id']}", {"title": "Third"}, status=412, **{"If-Match": old})
    assert author.get(f"/posts/{post['id']}").json["title"] == "Second"


def test_errors_name_each_wrong_field(app: Flask) -> None:
    author = sign_up(app, "author")
    body = {"title": "No", "content": "x\x00", "tags": ["nothing"], "colour": "red"}
    errors = author.post("/posts", body, status=422).json["errors"]
    assert {error["pointer"] for error in errors} == {"/title", "/content", "/colour"}


def test_an_unknown_parameter_is_named_with_the_allowed_ones(app: Flask) -> None:
    problem = anonymous(app).get("/posts?titel=tea", status=400).json
    assert problem["errors"][0]["parameter"] == "titel"
    assert "title" in problem["errors"][0]["detail"]
