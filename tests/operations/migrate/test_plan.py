"""The plan: the statements, their locks, the sizes; the locks are compared with what PostgreSQL really takes."""

from __future__ import annotations

import pytest

from blog_app.operations.migrate.lint import lock_modes, syntax
from blog_app.operations.migrate.plan import describe, lock_catalog, plan_pending

STATEMENTS = [
    "ALTER TABLE blog.posts ADD COLUMN x int",
    "ALTER TABLE blog.posts ADD COLUMN x int REFERENCES blog.tags (id)",
    "ALTER TABLE blog.posts ADD FOREIGN KEY (tag) REFERENCES blog.tags (id) NOT VALID",
    "ALTER TABLE blog.posts ADD CONSTRAINT c CHECK (tag > 0) NOT VALID",
    "ALTER TABLE blog.posts VALIDATE CONSTRAINT known",
    "ALTER TABLE blog.posts ALTER tag SET STATISTICS 100",
    "ALTER TABLE blog.posts ALTER tag SET STATISTICS 100, ALTER tag SET DEFAULT 1",
    "ALTER TABLE blog.posts SET (fillfactor = 70)",
    "ALTER TABLE blog.posts DISABLE TRIGGER USER",
    "ALTER TABLE blog.posts RENAME COLUMN tag TO other",
    "ALTER TABLE blog.parts ATTACH PARTITION blog.part FOR VALUES IN (1)",
    "CREATE INDEX i ON blog.posts (tag)",
    "CREATE TRIGGER t BEFORE INSERT ON blog.posts EXECUTE FUNCTION blog.f()",
    "DROP TRIGGER known ON blog.posts",
    "ALTER TRIGGER known ON blog.posts RENAME TO other",
    "CREATE TABLE blog.new (tag int REFERENCES blog.tags (id))",
    "CREATE TABLE blog.new PARTITION OF blog.parts FOR VALUES IN (2)",
    "COMMENT ON TABLE blog.posts IS 'x'",
    "DROP TABLE blog.posts",
    "DROP INDEX blog.posts_tag",
    "REINDEX INDEX blog.posts_tag",
    "REINDEX TABLE blog.posts",
    "ALTER INDEX blog.posts_tag RENAME TO i",
    "ALTER TABLE blog.posts DROP CONSTRAINT posts_tag_fkey",
    "ALTER TABLE blog.posts DROP COLUMN tag",
    "ALTER TABLE blog.posts VALIDATE CONSTRAINT posts_tag_fkey",
    "ALTER TABLE blog.posts ALTER tag SET (n_distinct = 5), RESET (fillfactor), CLUSTER ON posts_tag",
    "ALTER TABLE blog.part INHERIT blog.heir",
    "CREATE TABLE blog.new (LIKE blog.posts) INHERITS (blog.heir)",
    "CREATE POLICY p ON blog.posts",
    "COMMENT ON COLUMN blog.posts.tag IS 'x'",
    "DROP MATERIALIZED VIEW blog.view",
    "CREATE OR REPLACE VIEW blog.short AS SELECT id FROM blog.heir",
    "GRANT SELECT ON blog.posts TO PUBLIC",
    "TRUNCATE blog.posts",
    "LOCK TABLE blog.posts",
    "LOCK TABLE blog.posts IN SHARE ROW EXCLUSIVE MODE",
    "SELECT 1 FROM blog.posts FOR UPDATE",
    "WITH gone AS (DELETE FROM blog.posts RETURNING id) INSERT INTO blog.tags SELECT id FROM gone",
    "INSERT INTO blog.posts (id) SELECT id FROM blog.tags",
    "UPDATE blog.posts SET tag = 1 FROM blog.tags",
    "DELETE FROM blog.posts",
    "SELECT 1 FROM blog.posts",
    "ANALYZE blog.posts",
    "CREATE STATISTICS blog.s ON id, tag FROM blog.posts",
    "REFRESH MATERIALIZED VIEW blog.view",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY blog.view",
]
SETUP = """
CREATE TABLE blog.tags (id int PRIMARY KEY);
CREATE TABLE blog.posts (id int PRIMARY KEY, tag int REFERENCES blog.tags, CONSTRAINT known CHECK (id > 0) NOT VALID);
CREATE INDEX posts_tag ON blog.posts (tag);
CREATE TABLE blog.heir (id int);
CREATE VIEW blog.short AS SELECT id FROM blog.heir;
CREATE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER known BEFORE DELETE ON blog.posts EXECUTE FUNCTION blog.f();
CREATE TABLE blog.parts (id int) PARTITION BY LIST (id);
CREATE TABLE blog.part (id int);
CREATE MATERIALIZED VIEW blog.view AS SELECT 1 AS one;
CREATE UNIQUE INDEX ON blog.view (one)
"""
TABLES = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'blog'::regnamespace AND relkind IN ('r', 'p', 'm')"
TAKEN = "SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid()"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_locks_of_the_plan_are_those_that_postgresql_takes(statement, workshop, connection):
    workshop.up("blog")
    workshop.query(SETUP)
    tables = dict(connection.execute_sql(TABLES).fetchall())
    modes = {name.replace(" ", "").lower() + "lock": name for name in lock_modes.EFFECTS}
    really: dict[str, str] = {}
    with connection.atomic() as transaction:
        connection.execute_sql(statement)
        for oid, mode in connection.execute_sql(TAKEN).fetchall():
            if oid in tables:
                taken = modes[mode.lower()]
                really[tables[oid]] = max(really.get(tables[oid], taken), taken, key=lock_modes.STRENGTH.index)
        transaction.rollback()

    catalog = lock_catalog(connection, "blog")
    found = [lock for node in syntax.parse(statement) for lock in lock_modes.locks_of(node, catalog) if not lock.kind]
    planned = {lock.table.name: lock.mode for lock in found}
    really = {
        table: mode
        for table, mode in really.items()
        if table in planned or mode not in ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE")
    }
    assert planned == really


def test_a_table_created_if_not_exists_is_not_new_when_it_exists(workshop):
    meta = 'type("Meta", (), {"table_name": "posts", "schema": "blog"})'
    fields = f'{{"id": pw.IntegerField(primary_key=True), "Meta": {meta}}}'
    workshop.write("001_posts", f'migrator.create_model(type("Post", (pw.Model,), {fields}))', "migrator.run(print)")
    workshop.up("blog")
    again = "CREATE TABLE IF NOT EXISTS blog.posts (id int); ALTER TABLE blog.posts ADD COLUMN mood text"
    workshop.sql("002_again", again, "ALTER TABLE blog.posts DROP COLUMN mood")
    (planned,) = plan_pending(workshop.settings, "blog", workshop.folder)
    assert any(line.startswith("    ACCESS EXCLUSIVE on posts") for line in describe(planned))


def test_the_plan_shows_statements_locks_sizes_and_findings_declared_safe(workshop):
    workshop.sql("001_posts", "CREATE TABLE blog.posts (id int PRIMARY KEY, title text)")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.posts SELECT generate_series(1, 3000)")
    workshop.query("ANALYZE blog.posts")
    safe = 'safe = {"ban-drop-column": "nobody knows it"}'
    back = "ALTER TABLE blog.posts ADD COLUMN title text"
    workshop.sql("002_drop", "ALTER TABLE blog.posts DROP COLUMN title", back, head=safe)
    more = 'migrator.run(print)\nmigrator.set_not_null("posts", "id")'
    workshop.sql("004_new", "CREATE TABLE blog.tags (id int)")
    workshop.write("003_more", more, "migrator.run(print)", head="atomic = False")

    first, second, third = plan_pending(workshop.settings, "blog", workshop.folder)

    lines = list(describe(first))
    assert lines[:2] == ["002_drop (one transaction)", "  ALTER TABLE blog.posts DROP COLUMN title"]
    assert lines[2].startswith("    ACCESS EXCLUSIVE on posts (about 3,000 rows, ")
    assert lines[2].endswith("): blocks reads and writes")
    assert lines[3:] == ["  ban-drop-column: declared safe: nobody knows it"]
    assert "    no lock on a table in use" in describe(third)
    assert list(describe(second)) == [
        "003_more (step by step)",
        '  ALTER TABLE "blog"."posts" DROP CONSTRAINT IF EXISTS "posts_id_not_null"',
        "    " + lines[2].strip(),
        "  run print() cannot be previewed",
    ]
    assert workshop.query("SELECT name FROM blog.migrations") == [("001_posts",)]
