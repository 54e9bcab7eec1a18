"""Every safe way that a refusal names is accepted itself, and runs on PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blog_app.operations.migrate import lint
from blog_app.operations.migrate.plan import LintGuard

SETUP = """
CREATE TYPE blog.mood AS ENUM ('good', 'bad');
CREATE DOMAIN blog.mail AS text;
CREATE TABLE blog.tags (id bigint PRIMARY KEY);
CREATE TABLE blog.posts (
    id bigint PRIMARY KEY, title varchar(80) NOT NULL, words int, tag bigint, address blog.mail, made timestamptz
);
CREATE INDEX posts_words ON blog.posts (words);
CREATE MATERIALIZED VIEW blog.best AS SELECT id FROM blog.posts;
CREATE UNIQUE INDEX best_id ON blog.best (id);
CREATE TABLE blog.marks (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE blog.marks_1 (at date NOT NULL);
INSERT INTO blog.tags VALUES (1);
INSERT INTO blog.posts VALUES (1, 'a', NULL, 1, 'a@b', now()), (2, 'b', NULL, NULL, NULL, now())
"""
STEPS = "atomic = False"
DROPS = '\nsafe = {"ban-drop-column": "no code uses it any more"}'
Recipe = list[tuple[str, str]]
RECIPES: dict[str, Recipe] = {
    "Use migrator.add_index_concurrently": [('migrator.add_index_concurrently("posts", "title")', STEPS)],
    "Use migrator.drop_index_concurrently": [('migrator.drop_index_concurrently("posts_words")', STEPS)],
    "Add it with null=True; later use migrator.backfill and migrator.set_not_null": [
        ('migrator.add_fields("posts", size=pw.IntegerField(null=True))', ""),
        ('migrator.backfill("posts", "size = 0", where="size IS NULL")', STEPS),
        ('migrator.set_not_null("posts", "size")', STEPS),
    ],
    "Use migrator.set_not_null": [
        ('migrator.backfill("posts", "words = 0")\nmigrator.set_not_null("posts", "words")', STEPS)
    ],
    "Add it with null=True and no default; then use migrator.add_default and a backfill": [
        ('migrator.add_fields("posts", key=pw.UUIDField(null=True))', ""),
        ('migrator.add_default("posts", "key", pw.SQL("gen_random_uuid()"))', ""),
        ('migrator.backfill("posts", "key = gen_random_uuid()", where="key IS NULL")', STEPS),
    ],
    "Use migrator.add_foreign_key": [('migrator.add_foreign_key("posts", "tag", "tags")', STEPS)],
    "Use migrator.add_check or migrator.add_foreign_key": [('migrator.add_check("posts", "c", "words > 0")', STEPS)],
    "First create the index: migrator.add_index_concurrently(…, unique=True, name=…)": [
        (
            'migrator.add_index_concurrently("posts", "title", unique=True, name="once")\n'
            'migrator.sql("ALTER TABLE blog.posts ADD CONSTRAINT once UNIQUE USING INDEX once")',
            STEPS,
        )
    ],
    "Use migrator.expand_type and a backfill, and in a later release migrator.contract_type": [
        (
            'migrator.expand_type("posts", "words", "bigint", forward="NEW.words", backward="NEW.words__new::int")',
            "",
        ),
        ('migrator.backfill("posts", "words__new = words")', STEPS),
        ('migrator.contract_type("posts", "words")', STEPS + DROPS),
    ],
    "Use migrator.expand_rename and a backfill, and in a later release migrator.contract_rename": [
        ('migrator.expand_rename("posts", "words", "length", "int")', ""),
        ('migrator.backfill("posts", "length = words")', STEPS),
        ('migrator.contract_rename("posts", "words", "length")', STEPS + DROPS),
    ],
    "create a view with the new name": [
        ('migrator.sql("CREATE VIEW blog.articles AS SELECT id, title FROM blog.posts")', "")
    ],
    "add a CHECK NOT VALID and validate it": [
        ("migrator.sql(\"ALTER DOMAIN blog.mail ADD CONSTRAINT m CHECK (VALUE <> '') NOT VALID\")", ""),
        ('migrator.sql("ALTER DOMAIN blog.mail VALIDATE CONSTRAINT m")', ""),
    ],
    "first add and validate a CHECK of the same": [
        ('migrator.add_check("marks_1", "bounds", "at >= \'2026-01-01\' AND at < \'2026-02-01\'")', STEPS),
        (
            'migrator.sql("ALTER TABLE blog.marks ATTACH PARTITION blog.marks_1 FOR VALUES FROM '
            "('2026-01-01') TO ('2026-02-01')\")",
            "",
        ),
    ],
    "use CONCURRENTLY, which needs a unique index": [
        ('migrator.sql("REFRESH MATERIALIZED VIEW CONCURRENTLY blog.best")', STEPS)
    ],
    "add the column, then use migrator.add_check": [
        ('migrator.add_fields("posts", size=pw.IntegerField(null=True))', ""),
        ('migrator.add_check("posts", "c", "size > 0")', STEPS),
    ],
    "add it in a migration of its own": [("migrator.sql(\"ALTER TYPE blog.mood ADD VALUE 'odd'\")", "")],
    "changes every row in one transaction: use migrator.backfill": [
        ('migrator.backfill("posts", "words = length(title)", where="words IS NULL")', STEPS)
    ],
    "rows) in one transaction: use migrator.backfill": [
        ('migrator.backfill("posts", "words = 0", where="title <> \'a\'")', STEPS)
    ],
    "select the rows by WHERE": [('migrator.sql("SELECT id FROM blog.posts WHERE id = 1 FOR UPDATE")', "")],
    "use jsonb": [('migrator.sql("ALTER TABLE blog.posts ADD extra jsonb")', "")],
    "use uuid or bigint": [('migrator.sql("CREATE TABLE blog.new (id uuid PRIMARY KEY, n bigint)")', "")],
    "write a migration for each table": [
        ('migrator.sql("ALTER TABLE blog.posts ADD a text")', ""),
        ('migrator.sql("ALTER TABLE blog.tags ADD a text")', ""),
    ],
    "atomic = False, and use migrator.create_model, or a migrator.add_foreign_key for each": [
        (
            "@migrator.create_model\n"
            "class Link(pw.Model):\n"
            "    id = pw.BigAutoField()\n"
            "    class Meta:\n"
            "        schema = 'blog'\n"
            "        table_name = 'links'\n"
            "migrator.sql('ALTER TABLE blog.links ADD post bigint, ADD tag bigint')\n"
            "migrator.add_foreign_key('links', 'post', 'posts')\n"
            "migrator.add_foreign_key('links', 'tag', 'tags')",
            STEPS,
        )
    ],
    "SET LOCAL is for settings": [("migrator.sql(\"SET LOCAL work_mem = '64MB'\")", "")],
}
"""By the words of the refusal: the migrations that it names, each with the top of its file."""


def messages() -> str:
    """Return the texts of the lint in one line."""
    folder = Path(lint.__file__).parent
    source = " ".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    return re.sub(r"\"\s*\n\s*(f?\"|\+)", "", source)


def test_the_recipes_are_those_that_refusals_name():
    found = messages()
    assert [words for words in RECIPES if words not in found] == []
    tried = " ".join(body for recipe in RECIPES.values() for body, _ in recipe)
    named = set(re.findall(r"migrator\.(\w+)", " ".join(re.findall(r"\"[^\"\n]*\"", found))))
    assert {name for name in named if not re.search(rf"migrator\.{name}\b", tried)} == set()


@pytest.mark.parametrize("words", RECIPES)
def test_what_a_refusal_names_is_accepted_and_runs(words, workshop):
    workshop.sql("001_setup", SETUP)
    workshop.up("blog")
    for number, (body, head) in enumerate(RECIPES[words], 2):
        workshop.write(f"{number:03}_recipe", body, "migrator.run(print)", head=head)
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
