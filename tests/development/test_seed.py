"""flask seed: what is checked in, repeating it, and what a bad file is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.accounts.models import RoleGrant, User
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.config import Settings
from blog_app.data import databases, models
from blog_app.development.local.stack import Stack
from blog_app.development.seed import SeedError, files, sample
from blog_app.development.seed.load import load
from tests.helpers.caller import anonymous


def run(app: Flask, *arguments: str, **options: Any) -> Any:
    return app.test_cli_runner().invoke(args=["seed", *arguments], **options)


@pytest.fixture(autouse=True)
def app_context(app: Flask) -> Iterator[None]:
    """The context that commands have: passwords are hashed in the app's slots."""
    with app.app_context():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of seed files with one category, and one user in accounts."""
    write(tmp_path, "accounts/users", [{"email": "eve@example.com", "name": "Eve", "password": "Apple-Tree-1"}])
    write(tmp_path, "blog/categories", [{"slug": "garden", "name": "Garden"}])
    return tmp_path


@pytest.fixture
def people(app: Flask) -> None:
    """The users of the checked-in data, without the time that hashing their passwords takes."""
    for user in json.loads((files.FOLDER / "accounts" / "users.json").read_text()):
        User.create(email=user["email"], name=user["name"], password_hash="-")


def write(folder: Path, table: str, rows: Any) -> None:
    path = folder / f"{table}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))


def test_the_checked_in_data_loads_twice_and_ada_may_do_everything(app: Flask) -> None:
    first = run(app)
    assert first.exit_code == 0, first.output
    versions = list(Post.select(Post.id, Post.version, Post.updated_at).order_by(Post.id).tuples())
    second = run(app)
    assert second.exit_code == 0, second.output
    assert second.output == first.output.replace(" new", " unchanged")
    assert list(Post.select(Post.id, Post.version, Post.updated_at).order_by(Post.id).tuples()) == versions
    anonymous(app).post("/tokens", {"email": "ada@example.com", "password": "Correct-Horse-1"})
    roles = RoleGrant.select(RoleGrant.role).join(User, on=RoleGrant.user).where(User.email == "ada@example.com")
    assert {role for (role,) in roles.tuples()} == {"admin", "author", "editor", "vendor"}


@pytest.mark.usefixtures("people")
def test_a_row_that_differs_is_made_as_the_file_says_and_others_stay(app: Flask) -> None:
    run(app, "--database", "blog")
    Category.update(name="Spoilt").where(Category.slug == "kitchen").execute()
    Tag.create(name="Mine", slug="mine")
    output = run(app, "--database", "blog").output
    assert "blog.categories: 1 changed, 6 unchanged" in output
    assert "accounts" not in output
    assert Category.get(Category.slug == "kitchen").version == 2
    assert Tag.select().where(Tag.slug == "mine").exists()


@pytest.mark.usefixtures("people")
def test_if_empty_leaves_alone_what_people_have_changed(app: Flask) -> None:
    run(app, "--database", "blog")
    Category.update(name="Spoilt").where(Category.slug == "kitchen").execute()
    assert run(app, "--if-empty").exit_code == 0
    assert Category.get(Category.slug == "kitchen").name == "Spoilt"


@pytest.mark.usefixtures("people")
def test_production_asks_first_and_force_does_not(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blog_app.config.Settings.production", True)
    refused = run(app, "--database", "blog", input="n\n")
    assert refused.exit_code == 1
    assert "APP_MODE is production" in refused.output
    assert not Post.select().exists()
    assert run(app, "--database", "blog", "--force").exit_code == 0


def test_references_lists_and_files_stand_for_rows_and_texts(app: Flask, folder: Path) -> None:
    write(folder, "blog/tags", [{"slug": "apples", "name": "Apples"}, {"slug": "snakes", "name": "Snakes"}])
    (folder / "blog" / "apple.md").write_text("It was good.\n")
    post = {"slug": "apple", "title": "The apple", "category": "garden", "created_at": "2020-01-01T00:00:00+01:00"}
    post |= {"author_id": "accounts.users/eve@example.com", "content": {"file": "apple.md"}}
    write(folder, "blog/posts", [post])
    write(folder, "blog/post_tags", [{"post": "apple", "tag": ["apples", "snakes"]}])
    for name in ("accounts", "blog"):
        load(name, folder)
    found = Post.get()
    assert (found.author_id, found.category.slug, found.content) == (User.get().id, "garden", "It was good.")
    assert found.created_at.isoformat() == found.updated_at.isoformat() == "2019-12-31T23:00:00+00:00"
    assert found.id.int >> 80 == int(found.created_at.timestamp() * 1000)
    assert (found.content_html, found.reading_time, found.tag_words) == ("<p>It was good.</p>", 1, "Apples Snakes")
    assert PostTag.select().count() == 2


def test_a_file_that_names_rows_of_another_in_a_plain_column_is_loaded_after_it(app: Flask, folder: Path) -> None:
    load("accounts", folder)
    write(folder, "blog/categories", [{"slug": "garden", "name": "Garden", "description": '"blog.tags/apples"'}])
    write(folder, "blog/tags", [{"slug": "apples", "name": "Apples"}])
    assert [model for model, _ in files.models_with_files("blog", models.models_of("blog"), folder)] == [Tag, Category]
    write(folder, "blog/tags", [{"slug": "apples", "name": "blog.categories/garden"}])
    with pytest.raises(SeedError, match="blog: these files refer to each other in a circle"):
        load("blog", folder)


POST = {"slug": "apple", "title": "The apple", "content": "Good.", "author_id": "accounts.users/eve@example.com"}


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("blog/tags", "[{]", "blog/tags.json is not JSON: "),
        ("blog/tags", {}, "blog/tags.json must be a list of rows"),
        ("blog/tags", [1], "blog/tags.json, row 1: must be an object"),
        ("blog/tgas", [], "blog/tgas.json: blog has no such table (it has: "),
        ("blog/tags", [{"slug": "a", "nam": "A"}], "blog/tags.json, row 1 (a): 'nam' is no field of tags: id, "),
        ("blog/tags", [{"slug": "a"}], 'blog/tags.json, row 1 (a): is refused by the database: null value in'),
        ("blog/tags", [{"name": "A"}], "blog/tags.json, row 1 (A): has no unique key: it must give id or"),
        ("blog/tags", [{"slug": "a", "name": "A"}] * 2, "blog/tags.json, row 2 (a): is the same as row 1"),
        ("blog/tags", [{"slug": "a", "name": 5}], "row 1 (a): 'name' must be a text"),
        ("blog/tags", [{"slug": "a", "name": None}], "row 1 (a): 'name' must not be null"),
        ("blog/tags", [{"slug": "a", "name": "\0"}], "row 1 (a): 'name' holds a NUL character"),
        ("blog/tags", [{"slug": "a", "name": "x" * 51}], "row 1 (a): 'name' has 51 characters, at most 50 fit"),
        ("blog/tags", [{"id": "7", "name": "A"}], "row 1 (A): 'id' must be an identifier (a UUID)"),
        ("blog/posts", [POST | {"created_at": "today"}], "row 1 (apple): 'created_at' must be a time such as"),
        ("blog/posts", [POST | {"created_at": "2020-01-01"}], "row 1 (apple): 'created_at' lacks the time zone"),
        ("blog/posts", [POST | {"category": "gardn"}], "'category' names 'gardn', but no row of blog.categories has"),
        ("blog/posts", [POST | {"author_id": "eve"}], "'author_id' must be an identifier, or name a row as in"),
        ("blog/posts", [POST | {"author_id": "accounts.users/adam"}], "'author_id' names 'adam', but no row of"),
        ("blog/posts", [POST | {"content": {"file": "../x.md"}}], "'content' names a file outside of blog/"),
        ("blog/posts", [POST | {"content": {"file": "x.md"}}], "'content' names x.md, which cannot be read: "),
        ("blog/posts", [POST | {"status": "lost"}], 'is refused by the database: new row for relation "posts"'),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_row_and_field_and_loads_nothing(
    app: Flask, folder: Path, table: str, rows: Any, message: str
) -> None:
    load("accounts", folder)
    write(folder, table, rows)
    with pytest.raises(SeedError) as error:
        load("blog", folder)
    assert message in str(error.value)
    assert not Category.select().exists()


def test_a_database_without_tables_or_without_a_server_is_one_line(stack: Stack, settings: Settings) -> None:
    database = "not_migrated"
    stack.postgres.create_database(database, owner="blog_app")
    for url, message in (
        (
            stack.postgres.url(database, "blog_app", stack.passwords.app),
            "its migrations have not run (flask migrate up)",
        ),
        ("postgresql://127.0.0.1:1/nowhere", "cannot connect to accounts"),
    ):
        try:
            app = create_app(Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": url}))
            output = run(app).output
        finally:
            create_app(settings)
        assert message in output
        assert len(output.splitlines()) == 1


def test_a_new_password_in_the_file_replaces_the_old_one(app: Flask, folder: Path) -> None:
    load("accounts", folder)
    write(folder, "accounts/users", [{"email": "eve@example.com", "name": "Eve", "password": "Pear-Tree-22"}])
    assert load("accounts", folder)["users"] == {"changed": 1}
    anonymous(app).post("/tokens", {"email": "eve@example.com", "password": "Pear-Tree-22"})


def test_loading_goes_through_the_database_that_requests_use(app: Flask, folder: Path) -> None:
    with databases.accounts.atomic() as transaction:
        load("accounts", folder)
        transaction.rollback()
    assert not User.select().exists()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("model", [User, Category, Tag, Post, PostTag])
def test_a_sample_file_loads_as_it_is(app: Flask, tmp_path: Path, model: Any) -> None:
    name, own = model._meta.schema, model._meta.table_name
    shutil.copytree(files.FOLDER, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / name).glob("*.json"):
        if path.stem not in {each._meta.table_name for each in referred_to(model)} - {own}:
            path.unlink()
    path = sample.write(name, own, tmp_path)
    assert load(name, tmp_path)[own] == {"new": 2}, path.read_text()
    assert "_html" not in path.read_text()


def referred_to(model: Any) -> set[Any]:
    """The model, and those that its foreign keys lead to."""
    return {model}.union(*(referred_to(key.rel_model) for key in model._meta.refs if key.rel_model is not model))


def test_a_sample_file_is_for_a_table_that_has_none(app: Flask) -> None:
    assert "blog/tags.json exists already" in run(app, "create", "tags", "--database", "blog").output
    assert "blog has no table 'tgas'" in run(app, "create", "tgas", "--database", "blog").output
