"""The `migrator` of migration files: every method of peewee-migrate's works, and only what differs is sent."""

from __future__ import annotations

import pytest
from peewee_migrate import Migrator as PeeweeMigrator

from blog_app.operations.migrate import MigrationError, files
from blog_app.operations.migrate.migrator import Migrator
from blog_app.operations.migrate.preview import preview

TABLE = """
    id = pw.BigAutoField()
    title = pw.CharField(max_length=80, unique=True)
    words = pw.IntegerField(null=True)
    class Meta:
        table_name = "posts"
        schema = "blog"
"""
POSTS = f"@migrator.create_model\nclass Post(pw.Model):{TABLE}"
CALLS = {
    "orm": 'migrator.orm["posts"]',
    "sql": 'migrator.sql("SELECT %s", 1)',
    "run": "migrator.run(print)",
    "fake": 'with migrator.fake():\n    migrator.sql("not sent")',
    "create_model": f"@migrator.create_model\nclass Tag(pw.Model):{TABLE.replace('posts', 'tags')}",
    "remove_model": 'migrator.remove_model("posts")',
    "add_fields": 'migrator.add_fields("posts", note=pw.TextField(null=True))',
    "change_fields": 'migrator.change_fields("posts", title=pw.TextField(null=True))',
    "remove_fields": 'migrator.remove_fields("posts", "title", "words")',
    "rename_field": 'migrator.rename_field("posts", "words", "length")',
    "rename_table": 'migrator.rename_table("posts", "articles")',
    "add_index": 'migrator.add_index("posts", "words", "title")',
    "drop_index": 'migrator.drop_index("posts", "title")',
    "add_not_null": 'migrator.add_not_null("posts", "words")',
    "drop_not_null": 'migrator.drop_not_null("posts", "title")',
    "add_default": 'migrator.add_default("posts", "words", 3)',
    "add_constraint": 'migrator.add_constraint("posts", "c", "CHECK (words > 0)")',
    "drop_constraints": 'migrator.drop_constraints("posts", "posts_pkey")',
}
"""A call of every public name of peewee-migrate's migrator."""
OTHER_NAMES = {
    "create_table": "create_model",
    "drop_table": "remove_model",
    "add_columns": "add_fields",
    "change_columns": "change_fields",
    "drop_columns": "remove_fields",
    "rename_column": "rename_field",
    "python": "run",
}


def test_every_public_name_of_peewee_migrate_is_tried_here(connection):
    names = {name for name in dir(PeeweeMigrator(connection)) if not name.startswith("_")}
    assert names == CALLS.keys()


@pytest.mark.parametrize("name", [*CALLS, *OTHER_NAMES])
def test_the_methods_of_peewee_migrate_work_by_all_their_names(name, workshop):
    called = OTHER_NAMES.get(name, name)
    assert hasattr(Migrator, name) or name == "orm"
    workshop.write("001_posts", POSTS)
    workshop.write("002_call", CALLS[called].replace(f"migrator.{called}", f"migrator.{name}"))
    workshop.up("blog")


NEED_NO_MODEL = sorted(CALLS.keys() - {"orm", "sql", "run", "fake", "create_model"})


@pytest.mark.parametrize("name", NEED_NO_MODEL)
def test_the_methods_work_on_tables_made_by_sql(name, workshop):
    made = "CREATE TABLE blog.posts (id bigserial PRIMARY KEY, title varchar(80) NOT NULL, words int)"
    workshop.sql("001_posts", f"{made}; CREATE UNIQUE INDEX posts_title ON blog.posts (title)", "DROP TABLE blog.posts")
    workshop.write("002_call", CALLS[name])
    workshop.sql("003_more", "SELECT 1")
    workshop.up("blog")
    if name == "change_fields":
        assert workshop.query(COLUMN, ("title",)) == [("text", False, None)]
    if name == "remove_fields":
        assert workshop.query(COLUMN, ("title",)) == []


COLUMN = """
SELECT format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'blog.posts'::regclass AND attname = %s
"""
INDEXES = "SELECT indexname, indexdef LIKE '%% UNIQUE %%' FROM pg_indexes WHERE tablename = 'posts' ORDER BY 1"
CHANGES = [
    ("title", "pw.CharField(max_length=80, unique=True, null=True)", ("character varying(80)", False, None)),
    ("title", "pw.TextField(unique=True)", ("text", True, None)),
    ("title", 'pw.CharField(80, unique=True, default="a")', ("character varying(80)", True, "'a'::character varying")),
    ("words", "pw.IntegerField(null=True, default=print)", ("integer", False, None)),
    ("words", 'pw.IntegerField(null=True, constraints=[pw.SQL("DEFAULT 1 + 1")])', ("integer", False, "(1 + 1)")),
    ("words", "pw.IntegerField()", ("integer", True, None)),
]


@pytest.mark.parametrize(("name", "field", "column"), CHANGES)
def test_change_fields_changes_type_default_and_not_null_there_and_back(name, field, column, workshop):
    workshop.write("001_posts", POSTS)
    workshop.up("blog")
    before = workshop.query(COLUMN, (name,)), workshop.query(INDEXES)
    old = "pw.CharField(max_length=80, unique=True)" if name == "title" else "pw.IntegerField(null=True)"
    there, back = (f'migrator.change_fields("posts", {name}={found})' for found in (field, old))
    workshop.write("002_change", there, back)
    workshop.up("blog")
    assert (workshop.query(COLUMN, (name,)), workshop.query(INDEXES)) == ([column], before[1])
    workshop.down("blog")
    assert (workshop.query(COLUMN, (name,)), workshop.query(INDEXES)) == before


@pytest.mark.parametrize("head", ["", "atomic = False"])
@pytest.mark.parametrize(
    ("name", "field", "index"),
    [
        ("title", "pw.CharField(max_length=80)", None),
        ("title", "pw.CharField(max_length=80, index=True)", ("posts_title", False)),
        ("words", "pw.IntegerField(null=True, index=True)", ("posts_words", False)),
        ("words", "pw.IntegerField(null=True, unique=True)", ("posts_words", True)),
    ],
)
def test_change_fields_adds_and_drops_indexes_there_and_back(name, field, index, head, workshop):
    workshop.write("001_posts", POSTS)
    workshop.up("blog")
    before = workshop.query(INDEXES)
    old = "pw.CharField(max_length=80, unique=True)" if name == "title" else "pw.IntegerField(null=True)"
    there, back = (f'migrator.change_fields("posts", {name}={found})' for found in (field, old))
    workshop.write("002_change", there, back, head=head)
    workshop.up("blog")
    assert [found for found in workshop.query(INDEXES) if found[0] == f"posts_{name}"] == ([index] if index else [])
    workshop.down("blog")
    assert workshop.query(INDEXES) == before


def test_change_fields_sends_nothing_where_nothing_differs(workshop):
    workshop.write("001_posts", POSTS)
    workshop.write("002_same", 'migrator.change_fields("posts", title=pw.CharField(max_length=80, unique=True))')
    migrations = files.read("blog", workshop.folder)
    assert preview("blog", migrations, migrations[1:])[0].statements == []


USES = "from blog_app.blog.models import Post\n"
TELLS = "must not use the app's own models .here one of blog.*Use migrator.orm"


@pytest.mark.parametrize(
    "body",
    [
        f"{USES}if not fake and Post.select().count(): migrator.sql('SELECT 1')",
        f"{USES}migrator.run(lambda: Post.delete().execute())",
        "from blog_app.data.databases import blog\nmigrator.run(lambda: blog.execute_sql('SELECT 1'))",
    ],
)
def test_the_models_of_the_app_are_refused_with_the_reason(body, workshop):
    workshop.write("001_posts", POSTS)
    workshop.write("002_uses", body)
    with pytest.raises(MigrationError, match=TELLS):
        workshop.up("blog")
    assert workshop.query("SELECT name FROM blog.migrations") == [("001_posts",)]
