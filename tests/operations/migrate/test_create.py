"""`flask migrate create --auto`: the created files lead to the models, or what they lack is listed."""

from __future__ import annotations

import peewee as pw
import pytest
from playhouse.postgres_ext import ArrayField, BinaryJSONField, DateTimeTZField, TSVectorField

from blog_app.operations.migrate import MigrationError, catalog
from blog_app.operations.migrate.autogenerate import create
from blog_app.operations.migrate.plan import LintGuard
from blog_app.operations.migrate.schema.shadow import schema_of_models


def tag_model(**fields):
    meta = type("Meta", (), {"table_name": "tags", "schema": "blog", "legacy_table_names": False})
    own = {"id": pw.BigAutoField(), "name": pw.CharField(max_length=50, unique=True)}
    return type("Tag", (pw.Model,), {**own, "Meta": meta, **fields})


def post_model(constraints=(), indexes=(), **fields):
    own = {"table_name": "posts", "schema": "blog", "legacy_table_names": False}
    attributes = {"title": pw.CharField(max_length=80), **fields}
    attributes["Meta"] = type("Meta", (), own | {"constraints": constraints, "indexes": list(indexes)})
    return type("Post", (pw.Model,), {"id": pw.UUIDField(primary_key=True), **attributes})


def written(workshop, title, *models):
    """Generate migrations to the models and apply them; return what is left to do, the file names, and their code."""
    paths, to_do = create.autogenerate(workshop.settings, "blog", title, models, workshop.folder)
    workshop.up("blog")
    return to_do, [path.name for path in paths], "\n".join(path.read_text() for path in paths)


def live(workshop, connection):
    return catalog.read(connection, "blog")


def test_a_new_table_is_created_as_its_model_declares(workshop, connection):
    tag = tag_model()
    post = post_model(
        (pw.Check("title NOT LIKE '%%x%%'", name="posts_title"), pw.SQL("UNIQUE (slug)")),
        [(("title", "price"), False), pw.SQL("CREATE INDEX posts_lower ON blog.posts (lower(title)) WHERE price > 1")],
        slug=pw.TextField(constraints=[pw.SQL("DEFAULT 'a''b'")]),
        price=pw.DecimalField(max_digits=12, decimal_places=2, null=True, index=True),
        labels=ArrayField(pw.CharField, field_kwargs={"max_length": 20}, index=False, null=True),
        extra=BinaryJSONField(null=True),
        found=TSVectorField(
            null=True, constraints=[pw.SQL("GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED")]
        ),
        at=DateTimeTZField(constraints=[pw.SQL("DEFAULT now()")]),
        parent=pw.ForeignKeyField("self", null=True, on_delete="CASCADE"),
        tag=pw.ForeignKeyField(tag, on_delete="SET NULL", null=True, index=False),
    )
    post.add_index(post.index(post.slug, unique=True, where=post.price > 5, name="posts_cheap"))

    notes, files, _ = written(workshop, "everything", tag, post)

    assert notes == []
    assert files == ["001_everything.py"]
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, post])


def test_no_file_is_created_when_models_and_migrations_agree(workshop):
    written(workshop, "tags", tag_model())
    with pytest.raises(MigrationError, match="there is nothing to create"):
        create.autogenerate(workshop.settings, "blog", "again", [tag_model()], workshop.folder)


def test_changes_that_peewee_migrate_misses_are_generated(workshop, connection):
    """Defaults, `on_delete`, CHECKs, partial and expression indexes; each on tables in use."""
    tag = tag_model()
    before = post_model(
        [pw.Check("status <> 'x'", name="status_is_known"), pw.Check("length(title) > 1", name="gone")],
        [pw.SQL("CREATE INDEX posts_recent ON blog.posts (status)")],
        status=pw.TextField(constraints=[pw.SQL("DEFAULT 'draft'")]),
        tag=pw.ForeignKeyField(tag, null=True, on_delete="CASCADE"),
        words=pw.IntegerField(null=True),
    )
    written(workshop, "first", tag, before)
    after = post_model(
        [pw.Check("status IN ('a', 'b')", name="status_is_known"), pw.Check("words > 0", name="words_are_positive")],
        [
            pw.SQL("CREATE INDEX posts_recent ON blog.posts (lower(status), title) WHERE words > 3"),
            pw.SQL("CREATE UNIQUE INDEX posts_once ON blog.posts USING btree (title, COALESCE(words, 0)) INCLUDE (id)"),
        ],
        title=pw.CharField(max_length=200),
        status=pw.TextField(constraints=[pw.SQL("DEFAULT 'public'")]),
        tag=pw.ForeignKeyField(tag, null=True, on_delete="SET NULL"),
        words=pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")]),
        reads=pw.BigIntegerField(constraints=[pw.SQL("DEFAULT 0")]),
        other=pw.ForeignKeyField(tag, null=True, backref="others"),
    )

    notes, files, code = written(workshop, "second", tag, after)

    assert notes == []
    assert files == ["002_second.py", "003_second_step_by_step.py"]
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, after])
    for call in ("add_index_concurrently", "set_not_null", "add_check", "add_foreign_key", "add_default"):
        assert f"migrator.{call}(" in code
    workshop.down("blog", steps=2)
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, before])


def test_what_a_person_must_decide_is_listed(workshop):
    tag = tag_model()
    written(workshop, "first", tag, post_model(old=pw.IntegerField(null=True), size=pw.IntegerField(null=True)))
    after = post_model(new=pw.IntegerField(null=True), size=pw.BigIntegerField(null=True), must=pw.TextField())

    notes, _, code = written(workshop, "second", tag, after)

    said = "\n".join(notes)
    assert "posts: old is dropped and new added" in said
    assert "expand_rename" in said
    assert 'migrator.expand_type("posts", "size", "bigint"' in said
    assert "posts.must is required and has no default" in said
    assert "column posts.must: text NOT NULL in the models, text in the created files" in said
    assert "must=pw.TextField(null=True)" in code
    assert 'migrator.add_fields("posts", new=' in code
    assert "002_second_posts: ban-drop-column" in said or "002_second: ban-drop-column" in said


def test_a_required_column_is_added_in_three_migrations(workshop, connection):
    tag = tag_model()
    written(workshop, "first", tag, post_model())
    workshop.query("INSERT INTO blog.posts VALUES (gen_random_uuid(), 'a post')")
    after = post_model(must=pw.TextField())
    written(workshop, "add must", tag, after)
    workshop.write(
        "003_fill", """migrator.backfill("posts", "must = title", where="must IS NULL")""", head="atomic = False"
    )

    notes, files, code = written(workshop, "require must", tag, after)

    assert notes == []
    assert files == ["004_require_must.py"]
    assert 'migrator.set_not_null("posts", "must")' in code
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, after])


def test_a_dropped_column_and_a_dropped_table_can_be_rolled_back(workshop, connection):
    tag = tag_model()
    before = post_model(words=pw.IntegerField(null=True, index=True))
    written(workshop, "first", tag, before)

    notes, _, _ = written(workshop, "second", post_model())

    assert [note.partition(". ")[0] for note in notes] == [
        "posts.words is dropped: no running code may still use it",
        "up refuses 002_second_posts: ban-drop-column: Dropping a column may break existing clients",
        "up refuses 003_second_tags: ban-drop-table: Dropping a table may break existing clients",
    ]
    workshop.down("blog", steps=2)
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, before])


def test_the_next_number_is_the_highest_plus_one_despite_gaps(workshop):
    workshop.sql("007_x", "SELECT 1")
    assert create.create_empty("blog", "Add a slug!", workshop.folder).name == "008_add_a_slug.py"


def test_up_accepts_the_created_files(workshop, connection):
    """Keys to other columns, deferrable ones, UNIQUE constraints, indexed kinds of columns, several tables at once."""
    tag = tag_model()
    before = post_model(tag=pw.ForeignKeyField(tag, null=True), label=pw.TextField(null=True))
    written(workshop, "first", tag, before)
    after_tag = tag_model(note=pw.TextField(null=True, constraints=[pw.Check("note <> ''")]))
    after = post_model(
        [pw.SQL("CONSTRAINT posts_once UNIQUE (title, label)")],
        tag=pw.ForeignKeyField(after_tag, null=True, deferrable="INITIALLY DEFERRED"),
        label=pw.TextField(null=True, constraints=[pw.SQL("DEFAULT '100 %%'")]),
        named=pw.ForeignKeyField(after_tag, field="name", null=True, backref="named"),
        extra=BinaryJSONField(constraints=[pw.SQL("DEFAULT '{}'::jsonb")]),
        prices=ArrayField(pw.DecimalField, field_kwargs={"max_digits": 8, "decimal_places": 2}, null=True),
    )

    paths, to_do = create.autogenerate(workshop.settings, "blog", "second", [after_tag, after], workshop.folder)

    assert to_do == []
    assert [path.stem for path in paths] == ["002_second_tags", "003_second_posts", "004_second_step_by_step"]
    workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert live(workshop, connection) == schema_of_models(connection, "blog", [after_tag, after])
    workshop.down("blog", steps=3)
    assert live(workshop, connection) == schema_of_models(connection, "blog", [tag, before])


def test_a_column_that_replaces_another_of_the_same_type_mends_the_drift(workshop, connection):
    before, after = (post_model(**{name: pw.IntegerField(null=True)}) for name in ("old", "new"))
    written(workshop, "first", before)
    to_do, _, _ = written(workshop, "second", after)
    assert any("If that is a rename, write instead of both migrator.expand_rename" in line for line in to_do)
    assert any("ban-drop-column" in line for line in to_do), "up refuses to lose the column unasked"
    assert live(workshop, connection) == schema_of_models(connection, "blog", [after])
    workshop.down("blog")
    assert live(workshop, connection) == schema_of_models(connection, "blog", [before])


class MoodField(pw.Field):
    field_type = "blog.mood"


def test_columns_of_an_enum_and_by_a_function_are_generated(workshop, connection):
    workshop.sql("001_mood", "CREATE TYPE blog.mood AS ENUM ('good', 'bad')", "DROP TYPE blog.mood")
    function = "CREATE FUNCTION blog.double(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a * 2'"
    workshop.sql("002_double", function, "DROP FUNCTION blog.double(int)")
    tag = tag_model(mood=MoodField(constraints=[pw.SQL("DEFAULT 'good'")]))
    before = post_model()
    notes, _, _ = written(workshop, "first", tag, before)
    assert notes == []
    doubled = pw.IntegerField(constraints=[pw.SQL("DEFAULT blog.double(2)")])
    after = post_model(mood=MoodField(null=True), doubled=doubled)
    workshop.up("blog")
    connection.discard()
    connection.connect()
    notes, _, code = written(workshop, "second", tag, after)
    assert 'mood=type("MoodField", (pw.Field,), {"field_type": "blog.mood"})(null=True)' in code
    made = catalog.read(connection, "blog")
    wanted = schema_of_models(connection, "blog", [tag, after])
    assert {name: made[name] for name in wanted} == wanted
    workshop.down("blog", steps=2)


def test_an_exclusion_constraint_of_a_table_made_by_sql_can_be_replayed(workshop):
    workshop.sql("001_bookings", "CREATE TABLE blog.bookings (during tstzrange)", "DROP TABLE blog.bookings")
    add = 'migrator.add_constraint("bookings", "once", "EXCLUDE USING gist (during WITH &&)")'
    workshop.write("002_once", add, 'migrator.drop_constraints("bookings", "once")')
    workshop.sql("003_more", "SELECT 1")
    workshop.up("blog")
    workshop.down("blog", steps=3)
