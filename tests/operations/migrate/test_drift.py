"""Drift detection: each difference is reported in one sentence."""

from __future__ import annotations

from dataclasses import replace

import peewee as pw
import pytest
from playhouse.postgres_ext import DateTimeTZField

from blog_app.config import DATABASE_NAMES
from blog_app.data import models
from blog_app.operations.migrate import all_databases
from blog_app.operations.migrate.autogenerate import create
from blog_app.operations.migrate.schema.drift import check
from tests.operations.migrate.test_create import post_model, tag_model

STRICT = "character varying(80) NOT NULL in the migrations"
DRIFT = {
    "ALTER TABLE blog.posts ALTER title TYPE text": f"column posts.title: {STRICT}, text NOT NULL in the database",
    "ALTER TABLE blog.posts ALTER title DROP NOT NULL": f"{STRICT}, character varying(80) in the database",
    "ALTER TABLE blog.posts ALTER title SET DEFAULT 'x'": f"{STRICT}, character varying(80) NOT NULL DEFAULT 'x'",
    "ALTER TABLE blog.posts ADD CHECK (title <> '')": "constraint posts.posts_title_check: absent in the migrations",
    "ALTER TABLE blog.posts ADD CONSTRAINT c CHECK (title <> '') NOT VALID": "NOT VALID in the database",
    "CREATE INDEX odd ON blog.posts (title) WHERE title <> ''": "index posts.odd: absent in the migrations, CREATE",
    "DROP INDEX blog.tags_name": "index tags.tags_name: CREATE UNIQUE INDEX",
    "CREATE TABLE blog.odd ()": "table odd: absent in the migrations",
    "CREATE TRIGGER t BEFORE INSERT ON blog.posts "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()": "trigger posts.t: absent in the migrations",
    "ALTER TABLE blog.posts DROP CONSTRAINT posts_tag_id_fkey, ADD CONSTRAINT posts_tag_id_fkey "
    "FOREIGN KEY (tag_id) REFERENCES blog.tags ON DELETE CASCADE": "tags(id) ON DELETE CASCADE in the database",
    "ALTER TABLE blog.posts DROP COLUMN title": f"column posts.title: {STRICT}, absent in the database",
}

MORE_DRIFT = {
    "ALTER TABLE blog.posts DISABLE TRIGGER USER, SET UNLOGGED": "property posts.storage: absent in the migrations, UN",
    "ALTER TABLE blog.tags ENABLE ROW LEVEL SECURITY": "property tags.row security: absent in the migrations, enabled",
    "CREATE RULE r AS ON DELETE TO blog.tags DO INSTEAD NOTHING": "property tags.rule r: absent in the migrations",
    "CREATE VIEW blog.v AS SELECT 1 AS a": "view v: absent in the migrations",
    "CREATE MATERIALIZED VIEW blog.m AS SELECT 1 AS a": "materialized view m: absent in the migrations",
    "CREATE FUNCTION blog.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'": "function f(a integer): absent in the migr",
    "CREATE TYPE blog.mood AS ENUM ('a')": "type mood: absent in the migrations",
    "CREATE SEQUENCE blog.s": "sequence s: absent in the migrations",
    "ALTER TABLE blog.posts DROP CONSTRAINT posts_pkey": "constraint posts.posts_pkey: PRIMARY KEY (id) in the migrati",
    "DROP INDEX blog.tags_name; CREATE UNIQUE INDEX tags_name ON blog.tags (name) NULLS NOT "
    "DISTINCT": "NULLS NOT DISTINCT",
}


@pytest.fixture
def pair(workshop):
    """Two models, and a database migrated to them."""
    tag = tag_model()
    pair = [tag, post_model(tag=pw.ForeignKeyField(tag, null=True))]
    create.autogenerate(workshop.settings, "blog", "first", pair, workshop.folder)
    workshop.up("blog")
    return pair


def differences(workshop, pair):
    return check(workshop.settings, "blog", pair, workshop.folder).problems


def test_a_migrated_database_has_no_drift(workshop, pair):
    assert differences(workshop, pair) == []


@pytest.mark.parametrize("statement", DRIFT)
def test_a_manual_change_is_reported(statement, workshop, pair):
    workshop.query(statement)
    found = differences(workshop, pair)
    assert len(found) == 1
    assert DRIFT[statement] in found[0]


def test_many_manual_changes_are_all_reported(workshop, pair):
    for statement in MORE_DRIFT:
        workshop.query(statement)
    found = "\n".join(differences(workshop, pair))
    assert [message for message in MORE_DRIFT.values() if message not in found] == []


MADE = """
CREATE TABLE blog.views (at timestamptz NOT NULL, words int) PARTITION BY RANGE (at);
CREATE INDEX views_at ON blog.views (at);
CREATE MATERIALIZED VIEW blog.best AS SELECT count(*) AS count FROM blog.posts;
CREATE UNIQUE INDEX best_count ON blog.best (count);
CREATE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON blog.tags FOR EACH ROW EXECUTE FUNCTION blog.f();
CREATE TYPE blog.mood AS ENUM ('good')
"""
CHANGED = {
    "CREATE INDEX odd ON blog.views_1 (words)": "partitioning views.views_1.odd: absent in the migrations, only in thi",
    "ALTER TABLE blog.views_1 ADD CHECK (words > 0)": "partitioning views.views_1.views_1_words_check: absent in the m",
    "DROP INDEX blog.best_count": "index best.best_count: CREATE UNIQUE INDEX",
    "ALTER TABLE blog.tags DISABLE TRIGGER t": "property tags.trigger t: absent in the migrations, disabled in the dat",
    "ALTER TABLE blog.posts DISABLE TRIGGER ALL": "property posts.trigger posts_tag_id_fkey: absent in the migrations",
    "ALTER TYPE blog.mood ADD VALUE 'bad'": "definition mood.as: ENUM 'good' in the migrations, ENUM 'good', 'bad' in",
    "CREATE OR REPLACE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN "
    "NULL; END $$": "RETURN NULL",
}


@pytest.fixture
def made(workshop, pair, stack):
    """The two models, and objects that models do not describe."""
    workshop.sql("002_made", MADE)
    workshop.up("blog")
    # As a worker makes it.
    workshop.query("CREATE TABLE blog.views_1 (LIKE blog.views INCLUDING ALL)")
    workshop.query("ALTER TABLE blog.views ATTACH PARTITION blog.views_1 DEFAULT")
    pair.append(view_model())
    return pair


def view_model():
    own = {"table_name": "views", "schema": "blog", "table_settings": "PARTITION BY RANGE (at)", "primary_key": False}
    fields = {"at": DateTimeTZField(), "words": pw.IntegerField(null=True)}
    own |= {"indexes": [pw.SQL("CREATE INDEX views_at ON blog.views (at)")], "legacy_table_names": False}
    return type("View", (pw.Model,), {**fields, "Meta": type("Meta", (), own)})


def test_partitions_views_functions_and_types_of_migrations_are_no_drift(workshop, made):
    assert differences(workshop, made) == []


def test_changes_of_what_models_do_not_describe_are_reported(workshop, made, stack):
    database = workshop.settings.databases["blog"].url.rpartition("/")[2]
    for statement in CHANGED:
        stack.postgres.execute(statement, database=database)  # ALL triggers are for the superuser.
    found = "\n".join(differences(workshop, made))
    assert [message for message in CHANGED.values() if message not in found] == []


def test_a_detached_partition_and_a_view_of_another_kind_are_reported(workshop, made):
    workshop.query("ALTER TABLE blog.views DETACH PARTITION blog.views_1")
    workshop.query("DROP MATERIALIZED VIEW blog.best; CREATE VIEW blog.best AS SELECT 1 AS count")
    assert differences(workshop, made) == [
        "best: a materialized view in the migrations, a view in the database",
        "table views_1: absent in the migrations",
    ]


def test_an_invalid_index_is_reported(workshop, pair):
    workshop.query("INSERT INTO blog.tags (name) VALUES ('a'), ('b')")
    with pytest.raises(pw.IntegrityError):
        workshop.query("CREATE UNIQUE INDEX CONCURRENTLY odd ON blog.tags ((name > ''))")
    assert differences(workshop, pair)[0].endswith("INVALID in the database")


def test_model_changes_without_a_migration_are_reported(workshop, pair):
    tag = tag_model()
    pair = [tag, post_model(tag=pw.ForeignKeyField(tag, null=True, on_delete="SET NULL"), words=pw.IntegerField())]
    found = differences(workshop, pair)
    assert found[0] == "column posts.words: integer NOT NULL in the models, absent in the migrations"
    assert "ON DELETE SET NULL in the models, FOREIGN KEY (tag_id) REFERENCES tags(id) in the migrations" in found[1]


def test_a_pending_migration_and_a_missing_file_are_reported(workshop, pair):
    gone = workshop.sql("002_gone", "SELECT 1")
    workshop.up("blog")
    gone.unlink()
    workshop.sql("003_new", "SELECT 1")
    assert differences(workshop, pair) == [
        "migration 003_new is pending",
        "migration 002_gone is applied but its file is missing",
    ]


def test_a_model_may_declare_unused_columns(workshop, pair):
    workshop.sql("002_more", "ALTER TABLE blog.tags ADD COLUMN old_name text")
    workshop.up("blog")
    assert "column tags.old_name: absent in the models, text in the migrations" in differences(workshop, pair)
    pair[0]._meta.unused_columns = ("old_name",)
    assert differences(workshop, pair) == []


def test_without_the_right_to_create_databases_the_models_are_compared_with_the_database(workshop, pair, stack):
    stack.postgres.create_role("humble", "secret")
    stack.postgres.execute("ALTER ROLE humble NOCREATEDB")
    stack.postgres.execute("GRANT blog_app TO humble")
    database = workshop.settings.databases["blog"]
    url = database.direct_url.replace(f"blog_app:{stack.passwords.app}@", "humble:secret@")
    changed = {**workshop.settings.databases, "blog": replace(database, direct_url=url)}
    workshop.query("ALTER TABLE blog.posts ALTER title DROP NOT NULL")

    report = check(replace(workshop.settings, databases=changed), "blog", pair, workshop.folder)

    assert len(report.differences) == 1
    assert "only the models were compared with the database" in report.notes[0]


@pytest.mark.parametrize("name", DATABASE_NAMES)
def test_this_repository_has_no_drift(name, settings):
    all_databases.run(settings, [name], lambda runner: runner.up(), lambda _: None)
    report = check(settings, name, models.models_of(name))
    assert report.differences == []
