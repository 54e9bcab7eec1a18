"""SQL compiled once a shape is what Peewee makes, for the shapes that differ least (every other test compares too)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import peewee
import pytest
from hypothesis import given, strategies as st

from blog_app.accounts.models import Token
from blog_app.blog.models import Post, PostTag, Tag
from blog_app.config import DATABASE_NAMES
from blog_app.data import compiled, models
from blog_app.permissions import Scope

DATABASE = peewee.PostgresqlDatabase("nowhere")
ALIAS = Tag.alias()
NOW = datetime.now(UTC)


def row(name: Any, slug: Any) -> dict[str, Any]:
    return {"id": uuid4(), "name": name, "slug": slug, "version": 1, "created_at": NOW, "updated_at": None}


SHAPES: list[Callable[[Any, Any], peewee.Node]] = [
    lambda a, b: Post.select(Post.id).where(Post.title == a, Post.slug != b),
    lambda a, b: Post.select(Post.id).where((Post.title == a) | (Post.slug == b)).order_by(Post.id.desc()),
    lambda a, b: Post.select(Post.id, Post.title).where(Post.title.in_([a, b])).limit(3).offset(4),
    lambda a, b: Post.select(Post.id).where(Post.title.in_([a])),
    lambda a, b: Post.select(Post.id).where(Post.category.is_null()),
    lambda a, b: Post.select(peewee.fn.count(Post.id)).where(Post.title.contains(a)).group_by(Post.status),
    lambda a, b: Post.select(Post.id).join(PostTag).join(Tag).where(Tag.slug == a).for_update(),
    lambda a, b: Post.select(Post.id).join_from(Post, ALIAS, peewee.JOIN.LEFT_OUTER, on=(ALIAS.id == Post.category)),
    lambda a, b: Post.select(Post.id).where(Post.id.in_(PostTag.select(PostTag.post).where(PostTag.tag == uuid4()))),
    lambda a, b: Post.update(title=a, version=Post.version + 1).where(Post.slug == b).returning(Post.id),
    lambda a, b: Tag.insert(row(a, b)),
    lambda a, b: Tag.insert_many([row(a, b), row(b, a)]),
    lambda a, b: Tag.insert(row(a, b)).on_conflict(conflict_target=[Tag.slug], update={Tag.name: b}),
    lambda a, b: Tag.insert(row(a, b)).on_conflict(conflict_target=[Tag.slug], action="IGNORE").returning(Tag.id),
    lambda a, b: Tag.delete().where(Tag.name == a),
]


@pytest.mark.parametrize("shape", SHAPES)
@given(values=st.tuples(st.text(), st.text()))
def test_a_shape_seen_before_gives_the_same_sql_and_parameters(shape: Any, values: tuple[str, str]) -> None:
    query = shape(*values)
    for _ in range(2):
        assert compiled.compile_sql(DATABASE, query) == compiled.compile_by_peewee(DATABASE, query)


def test_is_null_and_equals_are_two_shapes() -> None:
    for value in ("a", None, "b", None):
        query = Post.select(Post.id).where(Post.category == value)
        assert compiled.compile_sql(DATABASE, query) == compiled.compile_by_peewee(DATABASE, query)


def test_a_shape_that_was_compiled_is_served_without_peewee(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("first", "second"):
        query = Post.select(Post.id).where(Post.title == value).order_by(Post.id).limit(7)
        assert compiled.compile_sql(DATABASE, query)[1] == [value, 7]
        monkeypatch.setattr(compiled, "RecordingContext", None)


ANONYMOUSLY_READABLE = [
    model
    for name in DATABASE_NAMES
    for model in models.models_of(name)
    if hasattr(model, "within") and model is not Token
]


@pytest.mark.parametrize("model", ANONYMOUSLY_READABLE)
@pytest.mark.parametrize("scope", [Scope.PUBLIC, Scope.ALL])
def test_what_anonymous_callers_see_is_the_same_query_each_time_and_reusable(model: Any, scope: Scope) -> None:
    reusable = compiled.reusable(model.within(scope, None))
    for _ in range(2):
        found, now = (query.where(model.id == uuid4()) for query in (reusable, model.within(scope, None)))
        assert compiled.compile_sql(DATABASE, found)[1][:-1] == compiled.compile_by_peewee(DATABASE, now)[1][:-1]
        assert compiled.compile_sql(DATABASE, found)[0] == compiled.compile_by_peewee(DATABASE, now)[0]


def test_a_reusable_condition_must_not_hold_a_date_or_time() -> None:
    with pytest.raises(TypeError, match="date or time"):
        compiled.reusable(Token.within(Scope.OWN, None))
