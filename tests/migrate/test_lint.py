"""Dangerous migrations are stopped, harmless ones pass."""

from __future__ import annotations

import pytest

from blog_app.config import DATABASE_NAMES
from blog_app.migrate import MigrationError, files
from blog_app.migrate.plan import LintGuard, of_pending, plan, refuse_dangers

POSTS = """
@migrator.create_model
class Post(pw.Model):
    title = pw.CharField(max_length=80)
    words = pw.IntegerField(null=True)
    class Meta:
        table_name = "posts"
        schema = "blog"
"""
DANGEROUS = {
    "CREATE INDEX i ON blog.posts (title)": "require-concurrent-index-creation",
    "DROP INDEX blog.i": "require-concurrent-index-deletion",
    "ALTER TABLE blog.posts ALTER title SET NOT NULL": "adding-not-nullable-field",
    "ALTER TABLE blog.posts ADD COLUMN x text NOT NULL": "adding-required-field",
    "ALTER TABLE blog.posts ADD COLUMN x uuid DEFAULT gen_random_uuid()": "adding-field-with-default",
    "ALTER TABLE blog.posts ADD COLUMN x text GENERATED ALWAYS AS (title || '!') STORED": "adding-field-with-default",
    "ALTER TABLE blog.posts ADD COLUMN x bigserial": "serial-column",
    "ALTER TABLE blog.posts ADD COLUMN x int CHECK (x > 0)": "check-with-column",
    "ALTER TABLE blog.posts ADD COLUMN x int UNIQUE": "disallowed-unique-constraint",
    "ALTER TABLE blog.posts ADD COLUMN x int REFERENCES blog.tags (id)": "adding-foreign-key-constraint",
    "ALTER TABLE blog.posts ADD CHECK (words > 0)": "constraint-missing-not-valid",
    "ALTER TABLE blog.posts ADD FOREIGN KEY (words) REFERENCES blog.tags (id)": "adding-foreign-key-constraint",
    "ALTER TABLE blog.posts ADD UNIQUE (title)": "disallowed-unique-constraint",
    "ALTER TABLE blog.posts ADD PRIMARY KEY (title)": "adding-serial-primary-key-field",
    "ALTER TABLE blog.posts ADD EXCLUDE USING gist (title WITH =)": "constraint-missing-not-valid",
    "ALTER TABLE blog.posts ALTER words TYPE bigint": "changing-column-type",
    "ALTER TABLE blog.posts ALTER title TYPE varchar(40)": "changing-column-type",
    "ALTER TABLE blog.posts DROP COLUMN title": "ban-drop-column",
    "ALTER TABLE blog.posts RENAME COLUMN title TO headline": "renaming-column",
    "ALTER TABLE blog.posts RENAME TO articles": "renaming-table",
    "ALTER TABLE blog.posts SET SCHEMA public": "ban-set-schema",
    "ALTER TABLE blog.posts SET UNLOGGED": "full-rewrite",
    "ALTER TABLE blog.posts SET TABLESPACE fast": "full-rewrite",
    "ALTER TABLE blog.posts DISABLE TRIGGER ALL": "disable-trigger",
    "ALTER TABLE blog.posts ATTACH PARTITION blog.p FOR VALUES IN (1)": "attach-partition",
    "ALTER TABLE blog.posts DETACH PARTITION blog.p": "require-concurrent-partition-detach",
    "DROP TABLE blog.posts": "ban-drop-table",
    "DROP SCHEMA blog": "ban-drop-schema",
    "DROP FUNCTION blog.f() CASCADE": "drop-cascade",
    "TRUNCATE blog.posts": "truncate",
    "UPDATE blog.posts SET words = 0": "all-rows",
    'DELETE FROM "blog"."posts"': "all-rows",
    "WITH gone AS (DELETE FROM blog.posts RETURNING 1) SELECT count(*) FROM gone": "all-rows",
    "LOCK TABLE blog.posts": "lock-table",
    "CLUSTER blog.posts": "full-rewrite",
    "VACUUM FULL blog.posts": "full-rewrite",
    "VACUUM (FULL) blog.posts": "full-rewrite",
    "REINDEX TABLE blog.posts": "require-concurrent-reindex",
    "REFRESH MATERIALIZED VIEW blog.best": "refresh-not-concurrent",
    "ALTER TABLE posts ADD COLUMN x int": "unqualified-name",
    "CREATE TABLE things (id int)": "unqualified-name",
    "INSERT INTO blog.posts SELECT * FROM drafts": "unqualified-name",
    "CREATE VIEW blog.v AS SELECT * FROM posts": "unqualified-name",
    "ALTER TABLE shop.products ADD COLUMN x int": "other-database",
    "CREATE TABLE blog.t (user_id uuid REFERENCES accounts.users (id))": "other-database",
    "INSERT INTO blog.posts (title) SELECT name FROM shop.products": "other-database",
    "SET lock_timeout = 0": "session-setting",
    "SET search_path TO blog": "session-setting",
    "COMMIT": "transaction-control",
    "DO $$ BEGIN PERFORM 1; END $$": "hidden-code",
    "ALTER TBLE blog.posts ADD x int": "syntax-error",
}
HARMLESS = [
    "CREATE TABLE blog.t (id serial PRIMARY KEY, name varchar(20) UNIQUE, at timestamp, post int REFERENCES blog.p)",
    "ALTER TABLE blog.posts ADD COLUMN x text",
    "ALTER TABLE blog.posts ADD COLUMN x int NOT NULL DEFAULT 0",
    "ALTER TABLE blog.posts ADD COLUMN x timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE blog.posts ALTER title DROP NOT NULL",
    "ALTER TABLE blog.posts ALTER title SET DEFAULT 'x'",
    "ALTER TABLE blog.posts ALTER title DROP DEFAULT",
    "ALTER TABLE blog.posts ALTER title TYPE varchar(200)",
    "ALTER TABLE blog.posts ALTER COLUMN title TYPE text",
    "ALTER TABLE blog.posts ADD CONSTRAINT c CHECK (words > 0) NOT VALID",
    "ALTER TABLE blog.posts DROP CONSTRAINT c",
    "ALTER TABLE blog.posts SET (fillfactor = 80)",
    "ALTER TABLE blog.posts ALTER words SET STATISTICS 1000",
    "COMMENT ON TABLE blog.posts IS 'What people read, extracted from shop.products'",
    "INSERT INTO blog.posts (title) VALUES ('a') ON CONFLICT DO NOTHING",
    "UPDATE blog.posts SET words = 0 WHERE title = 'a'",
    "DELETE FROM blog.posts WHERE id = 3 AND title IS DISTINCT FROM 'b' AND extract(year FROM now()) > 2000",
    "WITH old AS (SELECT id FROM blog.posts) UPDATE blog.posts SET words = 1 FROM old WHERE posts.id = old.id",
    "CREATE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE x SET y = 1; RETURN NEW; END $$",
    "CREATE TRIGGER t BEFORE INSERT ON blog.posts FOR EACH ROW EXECUTE FUNCTION blog.f()",
    "CREATE TYPE blog.mood AS ENUM ('good', 'bad')",
    "ALTER TYPE blog.mood ADD VALUE 'odd'",
    "CREATE VIEW blog.short AS SELECT p.title FROM blog.posts p WHERE length(p.title) < 10",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "GRANT SELECT ON blog.posts TO reader",
    "SET LOCAL work_mem = '64MB'",
    "ANALYZE blog.posts",
    "ALTER INDEX blog.i RENAME TO j",
    "ALTER TABLE blog.posts VALIDATE CONSTRAINT c",
    "ALTER TABLE blog.posts ADD CONSTRAINT c UNIQUE USING INDEX i",
    "CREATE MATERIALIZED VIEW blog.best AS SELECT 1 AS one",
    "SELECT count(*) FROM blog.posts, generate_series(1, 2)",
]


@pytest.fixture
def lint(workshop):
    """Write a migration on top of a table of posts; return the rules it breaks."""
    workshop.write("001_posts", POSTS, 'migrator.remove_model("posts")')

    def rules(migrate: str, rollback: str = 'migrator.sql("SELECT 1")', **options: str) -> set[str]:
        workshop.write("002_new", migrate, rollback, **options)
        migrations = files.read("blog", workshop.folder)
        return {danger.rule for item in plan("blog", migrations, migrations[1:]) for danger in item.dangers}

    return rules


@pytest.mark.parametrize("statement", DANGEROUS)
def test_a_dangerous_statement_is_found(statement, lint):
    assert DANGEROUS[statement] in lint(f"migrator.sql({statement.replace('%', '%%')!r})")


@pytest.mark.parametrize("statement", HARMLESS)
def test_a_harmless_statement_passes(statement, lint):
    assert lint(f"migrator.sql({statement!r})") == set()


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('migrator.add_index("posts", "title")', "require-concurrent-index-creation"),
        (
            'migrator.add_fields("posts", slug=pw.CharField(null=True, unique=True))',
            "require-concurrent-index-creation",
        ),
        ('migrator.add_not_null("posts", "words")', "adding-not-nullable-field"),
        ('migrator.change_fields("posts", words=pw.BigIntegerField())', "changing-column-type"),
        ('migrator.remove_fields("posts", "words")', "ban-drop-column"),
        ('migrator.rename_field("posts", "words", "length")', "renaming-column"),
        ('migrator.rename_table("posts", "articles")', "renaming-table"),
        ('migrator.remove_model("posts")', "ban-drop-table"),
        ('database.execute_sql("DELETE FROM blog.posts")', "all-rows"),
        ('migrator.orm["posts"].update(words=1).execute()', "all-rows"),
        (
            'migrator.sql("ALTER TABLE blog.posts ADD x int");migrator.sql("UPDATE blog.posts SET x = 1 WHERE id = 9")',
            "write-under-lock",
        ),
    ],
)
def test_what_peewee_would_send_is_found_too(body, rule, lint):
    assert rule in lint(body)


@pytest.mark.parametrize(
    "body",
    [
        'migrator.add_fields("posts", words_read=pw.IntegerField(default=0), note=pw.TextField(null=True))',
        'migrator.add_default("posts", "words", 0)',
        POSTS.replace("Post", "Tag").replace("posts", "tags") + 'migrator.add_index("tags", "title")',
    ],
)
def test_what_peewee_would_send_harmlessly_passes(body, lint):
    assert lint(body) == set()


def test_the_ways_for_tables_in_use_pass(lint):
    body = """
        migrator.add_index_concurrently("posts", "title", unique=True)
        migrator.drop_index_concurrently("old")
        migrator.set_not_null("posts", "words")
        migrator.add_check("posts", "c", "words > 0")
        migrator.add_foreign_key("posts", "words", "tags")
        migrator.backfill("posts", "words = 0", where="words IS NULL")
    """
    assert lint(body, head="atomic = False") == set()
    assert lint('migrator.expand_rename("posts", "title", "headline", "text")') == set()


def test_a_missing_rollback_and_one_that_does_nothing_are_found(lint, workshop):
    assert lint('migrator.sql("CREATE TABLE blog.t ()")', "pass") == {"empty-rollback"}
    path = workshop.folder / "blog" / "002_new.py"
    path.write_text(path.read_text().partition("def rollback")[0])
    migrations = files.read("blog", workshop.folder)
    assert [danger.rule for danger in plan("blog", migrations, migrations[1:])[0].dangers] == ["no-rollback"]


def test_a_danger_may_be_called_safe_with_a_reason_and_only_that_one(lint):
    body = 'migrator.remove_fields("posts", "words")\nmigrator.sql("TRUNCATE blog.posts")'
    assert lint(body, head='safe = {"ban-drop-column": "no code reads it since release 12"}') == {"truncate"}
    with pytest.raises(MigrationError, match="the reason why it is safe"):
        lint(body, head='safe = {"ban-drop-column": ""}')


def test_up_runs_nothing_when_one_of_the_pending_is_dangerous(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t ()", "DROP TABLE blog.t")
    workshop.sql("002_u", "DROP TABLE blog.t", "CREATE TABLE blog.t ()")
    with pytest.raises(MigrationError) as refusal:
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert "002_u: ban-drop-table: Dropping a table may break existing clients." in str(refusal.value)
    assert 'safe = {"ban-drop-table": "…"}' in str(refusal.value)
    assert workshop.tables() == []


def test_python_code_that_cannot_be_previewed_is_said_and_checked_as_it_runs(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.write("002_fill", "migrator.run(lambda: database.execute_sql('INSERT INTO blog.t VALUES (%s)', (1,)))")
    workshop.write("003_clear", "def clear():\n    database.execute_sql('DELETE FROM blog.t')\nmigrator.run(clear)")
    with pytest.raises(
        MigrationError, match=r"003_clear: run clear.*'DELETE FROM blog\.t', which is dangerous: all-rows"
    ):
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert (
        "blog: 003_clear: run clear() cannot be previewed; its statements are checked as it sends them" in workshop.said
    )
    assert workshop.query("SELECT x FROM blog.t") == [(1,)]


def test_a_condition_on_a_big_table_is_found_where_the_size_is_known(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.t SELECT generate_series(1, 20000)")
    workshop.query("ANALYZE blog.t")
    workshop.sql("002_u", "UPDATE blog.t SET x = 0 WHERE x > 5")
    planned = of_pending(workshop.settings, "blog", workshop.folder)
    assert [danger.rule for danger in planned[0].dangers] == ["many-rows"]
    assert "about 20,000 rows" in planned[0].dangers[0].message


@pytest.mark.parametrize("name", DATABASE_NAMES)
def test_the_migrations_of_this_repository_are_no_danger(name):
    migrations = files.read(name)
    refuse_dangers(plan(name, migrations, migrations))


def test_sql_that_builds_an_index_concurrently_is_refused_in_a_transaction_and_passes_outside(lint):
    body = 'migrator.sql("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON blog.posts (title)")'
    with pytest.raises(MigrationError, match="write atomic = False"):
        lint(body)
    assert lint(body, head="atomic = False") == set()
