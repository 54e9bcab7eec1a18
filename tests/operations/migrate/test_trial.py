"""The trial run: what a statement costs is told by PostgreSQL itself, on empty copies of the live tables."""

from __future__ import annotations

import psycopg2
import pytest

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.plan import LintGuard, plan_pending

SETUP = """
CREATE DOMAIN blog.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN blog.plain AS integer;
CREATE FUNCTION blog.twice(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a * 2';
CREATE TABLE blog.tags (id integer PRIMARY KEY, name varchar(20));
CREATE TABLE blog.posts (
    id bigserial PRIMARY KEY, slug varchar(40), words integer, tag integer REFERENCES blog.tags, body text,
    CONSTRAINT has_body CHECK (body IS NOT NULL), CONSTRAINT has_slug CHECK (slug <> '') NOT VALID
);
CREATE INDEX posts_slug ON blog.posts (lower(slug));
CREATE UNIQUE INDEX posts_words ON blog.posts (words);
CREATE INDEX posts_twice ON blog.posts (blog.twice(words));
CREATE TABLE blog.views (day integer NOT NULL) PARTITION BY LIST (day);
CREATE TABLE blog.views_1 PARTITION OF blog.views FOR VALUES IN (1);
CREATE TABLE blog.views_rest PARTITION OF blog.views DEFAULT;
CREATE TABLE blog.old_views (day integer NOT NULL);
CREATE TABLE blog.loose (id bigint, CONSTRAINT has_id CHECK (id > 0));
CREATE UNIQUE INDEX loose_id ON blog.loose (id);
CREATE FUNCTION blog.purge() RETURNS integer LANGUAGE sql AS 'DELETE FROM blog.tags RETURNING 1';
CREATE FUNCTION public.purge() RETURNS integer LANGUAGE sql AS 'DELETE FROM blog.tags RETURNING 1';
INSERT INTO blog.views VALUES (1), (7);
INSERT INTO blog.old_views VALUES (8);
INSERT INTO blog.tags VALUES (1, 'a');
INSERT INTO blog.posts (slug, words, tag, body) VALUES ('a', 1, 1, 'x');
INSERT INTO blog.loose VALUES (1)
"""
PARTITION = "CREATE TABLE blog.views_9 PARTITION OF blog.views FOR VALUES IN (9)"
USING_INDEX = "ALTER TABLE blog.loose ADD CONSTRAINT loose_pkey PRIMARY KEY USING INDEX loose_id"
DANGEROUS = {
    "ALTER TABLE blog.posts ADD COLUMN x blog.positive": "table-rewrite",
    'ALTER TABLE "blog"."posts" ADD x BLOG . Positive': "table-rewrite",
    "CREATE DOMAIN blog.d AS blog.positive; ALTER TABLE blog.posts ADD COLUMN x blog.d": "table-rewrite",
    "ALTER TABLE blog.posts ADD COLUMN x int; ALTER TABLE blog.posts ADD y blog.positive": "table-rewrite",
    "ALTER TABLE blog.posts ALTER slug TYPE varchar(60)": "changing-column-type",
    "ALTER TABLE blog.posts ALTER words SET NOT NULL": "adding-not-nullable-field",
    PARTITION: "table-scan",
    "CREATE TABLE blog.views_9 (day integer NOT NULL); ALTER TABLE blog.views ATTACH PARTITION blog.views_9 FOR VALUES "
    "IN (9)": "table-scan",
    USING_INDEX: "table-scan",
    "SELECT purge()": "hidden-code",
    "INSERT INTO blog.tags (id) SELECT public.purge()": "hidden-code",
    "UPDATE blog.tags SET name = 'b' WHERE id = 1 AND blog.purge() = 1": "hidden-code",
    "CREATE OR REPLACE FUNCTION blog.twice(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a * 3'": (
        "used-object"
    ),
    "CREATE TABLE IF NOT EXISTS blog.tags (id int); CREATE INDEX i ON blog.tags (id)": (
        "require-concurrent-index-creation"
    ),
    "ALTER TABLE blog.posts ALTER id SET DEFAULT NULL": "lost-default",
}
HARMLESS = {
    "ALTER TABLE blog.posts ADD COLUMN x blog.plain": "ALTER TABLE blog.posts DROP COLUMN x",
    "ALTER TABLE blog.tags ALTER name TYPE varchar(60)": "ALTER TABLE blog.tags ALTER name TYPE varchar(20)",
    "ALTER TABLE blog.posts ALTER body SET NOT NULL": "ALTER TABLE blog.posts ALTER body DROP NOT NULL",
    "INSERT INTO blog.tags SELECT blog.twice(50)": "SELECT 1",
    "CREATE TABLE IF NOT EXISTS blog.new (id bigint PRIMARY KEY); CREATE INDEX i ON blog.new (id)": (
        "DROP TABLE blog.new"
    ),
}


@pytest.fixture
def blog(workshop):
    workshop.sql("001_tables", SETUP.replace("%", "%%"))
    workshop.up("blog")
    return workshop


def rules(blog) -> set[str]:
    return {danger.rule for item in plan_pending(blog.settings, "blog", blog.folder) for danger in item.dangers}


@pytest.mark.parametrize("statement", DANGEROUS)
def test_what_only_the_live_database_tells_is_found(statement, blog):
    blog.sql("002_new", statement)
    assert DANGEROUS[statement] in rules(blog)


@pytest.mark.parametrize("statement", HARMLESS)
def test_what_the_live_database_knows_to_be_harmless_passes(statement, blog):
    blog.sql("002_new", statement, HARMLESS[statement])
    assert rules(blog) == set()


def test_a_partition_beside_an_empty_default_partition_passes(blog):
    blog.query("TRUNCATE blog.views_rest")
    blog.sql("002_new", PARTITION, "DROP TABLE blog.views_9")
    assert rules(blog) == set()


def test_python_code_that_adds_a_partition_beside_a_full_default_is_refused_as_it_runs(blog):
    blog.write("002_new", f"migrator.run(lambda: database.execute_sql({PARTITION!r}))", "migrator.run(print)")
    with pytest.raises(MigrationError, match="dangerous: table-scan: PostgreSQL scans the DEFAULT of views"):
        blog.run(lambda runner: runner.up(guard=LintGuard()), "blog")


def test_the_trial_touches_no_live_table_whatever_quotes_and_comments_say(blog):
    """The reader would make a lock on the live table time out."""
    blog.sql(
        "002_new",
        "ALTER TABLE blog.posts -- don't\n ADD x text DEFAULT $$it's blog.posts$$, /* ' */ ADD y blog.positive",
    )
    with psycopg2.connect(blog.settings.databases["blog"].url) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT 1 FROM blog.posts")
        assert rules(blog) == {"table-rewrite", "rollback-differs"}
    reader.close()


def test_pending_migrations_are_tried_one_after_the_other_and_nothing_of_it_stays(blog):
    blog.sql("002_domain", "CREATE DOMAIN blog.d AS int NOT NULL", "DROP DOMAIN blog.d")
    blog.sql("003_table", "CREATE TABLE blog.t (id uuid PRIMARY KEY)", "DROP TABLE blog.t")
    blog.sql("004_column", "ALTER TABLE blog.t ADD COLUMN x blog.d", "ALTER TABLE blog.t DROP COLUMN x")
    assert rules(blog) == {"table-rewrite"}
    assert blog.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%%trial%%'") == []
    assert "t" not in blog.tables()


def test_a_role_that_may_create_no_schema_is_told_so_and_left_with_the_other_rules(blog, stack):
    ((database,),) = blog.query("SELECT current_database()")
    blog.sql("002_new", "ALTER TABLE blog.posts ADD COLUMN x int", "ALTER TABLE blog.posts DROP COLUMN x")
    stack.postgres.execute(f'ALTER DATABASE "{database}" OWNER TO CURRENT_USER')
    assert blog.run(lambda runner: runner.up(guard=LintGuard()), "blog") == {"blog": ["002_new"]}
    assert any("cannot be tried on empty copies of the tables: permission denied" in line for line in blog.reported)


SAFE_WAYS = {
    "a domain with a CHECK": """
        migrator.sql("ALTER TABLE blog.posts ADD COLUMN x integer")
        migrator.add_check("posts", "posts_x", "x > 0")
    """,
    "a partition beside a DEFAULT that has rows": """
        migrator.add_check("views_rest", "not_9", "day <> 9")
        migrator.sql("CREATE TABLE blog.views_9 (LIKE blog.views)")
        migrator.sql("ALTER TABLE blog.views ATTACH PARTITION blog.views_9 FOR VALUES IN (9)")
        migrator.sql("ALTER TABLE blog.views_rest DROP CONSTRAINT not_9")
    """,
    "a partition that has rows": """
        migrator.add_check("old_views", "is_8", "day = 8")
        migrator.add_check("views_rest", "not_8", "day <> 8")
        migrator.sql("ALTER TABLE blog.views ATTACH PARTITION blog.old_views FOR VALUES IN (8)")
    """,
    "a primary key by an index": f"""
        migrator.set_not_null("loose", "id")
        migrator.sql({USING_INDEX!r})
    """,
    "foreign keys to two tables": """
        migrator.sql("CREATE TABLE blog.j (id uuid PRIMARY KEY, tag integer, post bigint)")
        migrator.add_foreign_key("j", "tag", "tags")
        migrator.add_foreign_key("j", "post", "posts")
    """,
    "the successor of an index": """
        migrator.add_index_concurrently("posts", "lower(slug)", "id", name="posts_slug_id")
        migrator.drop_index_concurrently("posts_slug")
    """,
    "a required column": """
        migrator.set_not_null("posts", "words")
    """,
    "another type": """
        migrator.expand_type("posts", "words", "bigint", forward="NEW.words", backward="NEW.words__new::int")
    """,
}


@pytest.mark.parametrize("way", SAFE_WAYS)
def test_the_way_that_a_refusal_names_is_accepted(way, blog):
    blog.write("002_safe", SAFE_WAYS[way], "migrator.run(print)", head="atomic = False")
    assert blog.run(lambda runner: runner.up(guard=LintGuard()), "blog") == {"blog": ["002_safe"]}


MODEL = """
    @migrator.create_model
    class {name}(pw.Model):
        id = pw.IntegerField(primary_key=True)
        {fields}
        class Meta:
            table_name = "{table}"
            schema = "blog"
"""
KEYS = """one = pw.ForeignKeyField(migrator.orm["ones"], on_delete="CASCADE")
        other = pw.ForeignKeyField(migrator.orm["others"], column_name="other", constraint_name="to_other")"""
REFERENCES = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'blog.pairs'::regclass"


def test_a_model_with_keys_to_two_tables_is_created_key_by_key(workshop):
    models = [MODEL.format(name=name, table=f"{name.lower()}s", fields="") for name in ("One", "Other")]
    workshop.write("001_tables", "".join(models), "migrator.run(print)")
    workshop.up("blog")
    pair = MODEL.format(name="Pair", table="pairs", fields=KEYS)
    workshop.write("002_pairs", pair, 'migrator.remove_model("pairs")')
    assert rules(workshop) == {"several-tables", "narrow-key"}
    head = 'atomic = False; safe = {"narrow-key": "there are few"}'
    workshop.write("002_pairs", pair, 'migrator.remove_model("pairs")', head=head)
    workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert workshop.query(f"{REFERENCES} AND contype = 'f' ORDER BY 1") == [
        ("pairs_one_id_fkey", "FOREIGN KEY (one_id) REFERENCES blog.ones(id) ON DELETE CASCADE"),
        ("to_other", "FOREIGN KEY (other) REFERENCES blog.others(id)"),
    ]
