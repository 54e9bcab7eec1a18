"""Harmless migrations, by what PostgreSQL's manual says of each statement's lock, scan and rewrite.

They run on the tables of `SETUP`, which raw SQL has made. Statements of one text share a transaction.
"""

from __future__ import annotations

import re

SETUP = """
CREATE TYPE blog.mood AS ENUM ('good', 'bad');
CREATE DOMAIN blog.mail AS text;
CREATE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION blog.plain(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE SEQUENCE blog.numbers;
CREATE TABLE blog.notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title varchar(80) NOT NULL DEFAULT 'x', body text, words int,
    price numeric(8, 2), at timestamp(3) with time zone, mood blog.mood, address blog.mail
);
CREATE INDEX notes_words ON blog.notes (words);
CREATE STATISTICS blog.st ON title, words FROM blog.notes;
CREATE TABLE blog.topics (id uuid PRIMARY KEY, name text NOT NULL, CONSTRAINT named CHECK (name <> '') NOT VALID);
CREATE TABLE blog.marks (at timestamptz NOT NULL, words int, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE blog.marks_1 PARTITION OF blog.marks FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE blog.marks_2 (at timestamptz NOT NULL, words int, PRIMARY KEY (at),
    CONSTRAINT bounds CHECK (at >= '2026-02-01' AND at < '2026-03-01'));
CREATE VIEW blog.short AS SELECT id, mood FROM blog.notes;
CREATE TRIGGER edited BEFORE UPDATE ON blog.notes FOR EACH ROW EXECUTE FUNCTION blog.f()
"""
NEEDS_18 = re.compile(r"NOT ENFORCED|NOT NULL \w+ NOT VALID|AS \(words \* 2\)")
"""What PostgreSQL has since version 18."""
NEW = "CREATE TABLE blog.new (id bigint PRIMARY KEY, a text)"
STATEMENTS = [
    "ALTER TABLE blog.notes ALTER title SET DATA TYPE varchar(100), ALTER price TYPE numeric(10,2)",
    "ALTER TABLE blog.notes ALTER title TYPE text USING title::text",
    "ALTER TABLE blog.notes ALTER body SET STORAGE EXTERNAL, ALTER body SET COMPRESSION pglz, ALTER id SET CACHE 5",
    "ALTER TABLE blog.notes ALTER words SET (n_distinct = 9)",
    "ALTER TABLE blog.notes SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 90)",
    "ALTER TABLE blog.notes CLUSTER ON notes_words",
    "ALTER TABLE blog.notes ALTER title SET DEFAULT 'q', ALTER body DROP DEFAULT, ALTER title DROP NOT NULL",
    "ALTER TABLE blog.notes ADD COLUMN IF NOT EXISTS more text, ADD COLUMN flag boolean NOT NULL DEFAULT false",
    "ALTER TABLE blog.notes ADD m blog.mood NOT NULL DEFAULT 'good', ADD n jsonb NOT NULL DEFAULT '{}'::jsonb",
    'ALTER TABLE blog.notes ADD m text[] NOT NULL DEFAULT ARRAY[]::text[], ADD n text COLLATE "C"',
    "ALTER TABLE blog.notes ADD m tstzrange DEFAULT tstzrange(now(), NULL), ADD n text DEFAULT to_char(0, '9')",
    "ALTER TABLE blog.notes ADD m interval DEFAULT interval '1 day', ADD n text DEFAULT current_user",
    "ALTER TABLE blog.notes ADD m int GENERATED ALWAYS AS (words * 2)",
    "ALTER TABLE blog.notes ADD m text; ALTER TABLE blog.notes ALTER m SET DEFAULT 'x'; COMMENT ON COLUMN "
    "blog.notes.m IS 'new'",
    "ALTER TABLE blog.notes ADD parent bigint; ALTER TABLE blog.notes ADD CONSTRAINT p FOREIGN KEY (parent) REFERENCES "
    "blog.notes NOT VALID",
    "ALTER TABLE blog.notes ADD CONSTRAINT c CHECK (words > 0) NOT ENFORCED",
    "ALTER TABLE blog.notes ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES blog.notes (id) NOT ENFORCED",
    "ALTER TABLE blog.notes ADD CONSTRAINT c NOT NULL words NOT VALID",
    "ALTER TABLE blog.topics RENAME CONSTRAINT named TO has_name",
    "ALTER TABLE blog.topics VALIDATE CONSTRAINT named",
    "ALTER TABLE blog.topics DROP CONSTRAINT named",
    "ALTER INDEX blog.notes_words SET (fillfactor = 70)",
    "ALTER INDEX IF EXISTS blog.notes_words RENAME TO words_of_notes",
    "COMMENT ON INDEX blog.notes_words IS 'x'",
    "ALTER TRIGGER edited ON blog.notes RENAME TO changed",
    "CREATE TEXT SEARCH CONFIGURATION blog.plain (COPY = simple)",
    "CREATE STATISTICS blog.st2 (ndistinct) ON title, body FROM blog.notes",
    "ALTER STATISTICS blog.st SET STATISTICS 200",
    "DROP STATISTICS blog.st",
    "ALTER TYPE blog.mood ADD VALUE IF NOT EXISTS 'odd' BEFORE 'bad'",
    "CREATE TYPE blog.pair AS (a int, b int)",
    "CREATE DOMAIN blog.positive AS int CHECK (VALUE > 0)",
    "ALTER DOMAIN blog.mail ADD CONSTRAINT at_sign CHECK (VALUE <> '') NOT VALID",
    "ALTER DOMAIN blog.mail SET DEFAULT 'a'",
    "GRANT SELECT ON ALL TABLES IN SCHEMA blog TO blog_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA blog GRANT SELECT ON TABLES TO blog_app",
    "CREATE VIEW blog.safe WITH (security_barrier) AS SELECT id FROM blog.notes",
    "CREATE OR REPLACE VIEW blog.short AS SELECT id, mood, words FROM blog.notes",
    "DROP VIEW blog.short; CREATE VIEW blog.short AS SELECT words, id FROM blog.notes",
    "DROP FUNCTION blog.plain(int); CREATE FUNCTION blog.plain(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a'",
    "CREATE OR REPLACE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE PROCEDURE blog.p() LANGUAGE sql AS 'SELECT 1'",
    "CREATE SEQUENCE IF NOT EXISTS blog.counter",
    "ALTER SEQUENCE blog.numbers CACHE 20",
    "CREATE SCHEMA IF NOT EXISTS blog",
    "ANALYZE blog.notes (words), blog.topics",
    "SELECT nextval('blog.numbers')",
    "INSERT INTO blog.topics VALUES (gen_random_uuid(), 'a'), (gen_random_uuid(), 'b')",
    "CREATE TABLE blog.new (LIKE blog.notes INCLUDING ALL)",
    "CREATE TABLE blog.new AS SELECT 1 AS one",
    "CREATE TABLE blog.marks_3 (LIKE blog.marks INCLUDING ALL); ALTER TABLE blog.marks ATTACH PARTITION blog.marks_3 "
    "FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')",
    "ALTER TABLE blog.marks ATTACH PARTITION blog.marks_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    "CREATE INDEX marks_words ON ONLY blog.marks (words)",
    # Whatever is done to a table that the migration itself creates.
    f"{NEW}; CREATE INDEX new_a ON blog.new (a); ALTER TABLE blog.new ADD b int NOT NULL, ALTER a SET NOT NULL; ALTER "
    "TABLE blog.new ADD CHECK (b > 0), ADD UNIQUE (b); ALTER TABLE blog.new ALTER b TYPE bigint; DROP INDEX "
    "blog.new_a; ALTER TABLE blog.new RENAME a TO c; ALTER TABLE blog.new DROP COLUMN c, DROP CONSTRAINT new_pkey",
    f"{NEW}; CREATE TRIGGER t BEFORE INSERT ON blog.new FOR EACH ROW EXECUTE FUNCTION blog.f()",
    f"{NEW}; UPDATE blog.new SET a = 'x'; DELETE FROM blog.new; TRUNCATE blog.new; LOCK TABLE blog.new",
    f"{NEW}; ALTER TABLE blog.new RENAME TO newer; ALTER TABLE blog.newer ADD x int NOT NULL; CREATE INDEX i ON "
    "blog.newer (x); ALTER TABLE blog.newer RENAME TO new",
    f"{NEW}; ALTER TABLE blog.new ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON blog.new USING (id > 1)",
    f"{NEW}; INSERT INTO blog.new SELECT n, n FROM generate_series(1, 10) AS n; ALTER TABLE blog.new ALTER a TYPE int "
    "USING a::int",
    "CREATE MATERIALIZED VIEW blog.new AS SELECT id FROM blog.notes WITH NO DATA; CREATE UNIQUE INDEX i ON blog.new "
    "(id); REFRESH MATERIALIZED VIEW blog.new",
    "CREATE TEMPORARY TABLE scratch (id int) ON COMMIT DROP; INSERT INTO scratch VALUES (1); DELETE FROM scratch; "
    "CREATE INDEX ON scratch (id); ALTER TABLE scratch ADD x int NOT NULL; TRUNCATE scratch; DROP TABLE scratch",
    "CREATE TEMP TABLE pg_temp.scratch AS SELECT 1 AS id; DROP TABLE pg_temp.scratch",
]
STEPS = [
    "CREATE INDEX marks_words ON ONLY blog.marks (words); CREATE INDEX CONCURRENTLY marks_1_words ON blog.marks_1 "
    "(words); ALTER INDEX blog.marks_words ATTACH PARTITION blog.marks_1_words",
    "ALTER TABLE blog.notes ADD CONSTRAINT w CHECK (words IS NOT NULL) NOT VALID; ALTER TABLE blog.notes VALIDATE "
    "CONSTRAINT w; ALTER TABLE blog.notes ALTER words SET NOT NULL; ALTER TABLE blog.notes DROP CONSTRAINT w",
    "ALTER DOMAIN blog.mail ADD CONSTRAINT m CHECK (VALUE <> '') NOT VALID; ALTER DOMAIN blog.mail VALIDATE "
    "CONSTRAINT m",
    "CREATE UNIQUE INDEX CONCURRENTLY notes_title ON blog.notes (title); ALTER TABLE blog.notes ADD CONSTRAINT "
    "notes_title UNIQUE USING INDEX notes_title",
    "CREATE INDEX CONCURRENTLY newer ON blog.notes (words, title); DROP INDEX CONCURRENTLY blog.notes_words; ALTER "
    "INDEX blog.newer RENAME TO notes_words",
    "ALTER TABLE blog.notes ADD CONSTRAINT b NOT NULL body NOT VALID; ALTER TABLE blog.notes VALIDATE CONSTRAINT b",
    "REINDEX (CONCURRENTLY, VERBOSE) TABLE blog.notes",
    "VACUUM (ANALYZE, PARALLEL 2) blog.notes",
    "ALTER TABLE blog.notes ADD COLUMN m text; ALTER TABLE blog.topics ADD COLUMN m text",
]
"""Statements that run step by step (`atomic = False`)."""
