"""The lint: dangerous migrations are refused, harmless ones pass."""

from __future__ import annotations

import pytest

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.operations.migrate import MigrationError, files
from blog_app.operations.migrate.lint import row_rules
from blog_app.operations.migrate.lint.type_rules import CALLED_ONCE
from blog_app.operations.migrate.plan import LintGuard, plan, plan_pending, refuse_dangers
from tests.helpers import harmless_migrations
from tests.helpers.lint_cases import DANGEROUS, HARMLESS, HARMLESS_NON_ATOMIC
from tests.operations.migrate.conftest import Workshop

POSTS = """
@migrator.create_model
class Post(pw.Model):
    title = pw.CharField(max_length=80)
    words = pw.IntegerField(null=True)
    class Meta:
        table_name = "posts"
        schema = "blog"
"""


@pytest.fixture
def lint(tmp_path):
    """Write a migration on top of a table of posts; return the rules it breaks. It needs no database."""
    workshop = Workshop(
        Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": "postgresql://nobody@nowhere/none"}), tmp_path
    )

    def rules(migrate: str, rollback: str = "migrator.run(print)", made_by: str = POSTS, **options: str) -> set[str]:
        workshop.write("001_posts", made_by, 'migrator.remove_model("posts")')
        workshop.write("002_new", migrate, rollback, **options)
        migrations = files.read("blog", workshop.folder)
        return {danger.rule for item in plan("blog", migrations, migrations[1:]) for danger in item.dangers}

    return rules


@pytest.mark.parametrize("statement", DANGEROUS)
def test_a_dangerous_statement_is_found(statement, lint):
    assert DANGEROUS[statement] in lint(f"migrator.sql({statement.replace('%', '%%')!r})")


@pytest.mark.parametrize("statement", HARMLESS)
def test_a_harmless_statement_passes(statement, lint):
    back = f"migrator.sql({HARMLESS[statement]!r})"
    assert lint(f"migrator.sql({statement.replace('%', '%%')!r})", back) == set()


@pytest.mark.parametrize("statement", HARMLESS_NON_ATOMIC)
def test_a_harmless_statement_outside_of_a_transaction_passes(statement, lint):
    back = f"migrator.sql({HARMLESS_NON_ATOMIC[statement]!r})"
    assert lint(f"migrator.sql({statement!r})", back, head="atomic = False") == set()


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
        ('migrator.change_fields("posts", title=pw.CharField(max_length=40))', "changing-column-type"),
        ('migrator.change_fields("posts", words=pw.IntegerField())', "adding-not-nullable-field"),
        ('migrator.remove_fields("posts", "words")', "ban-drop-column"),
        ('migrator.rename_field("posts", "words", "length")', "renaming-column"),
        ('migrator.rename_table("posts", "articles")', "renaming-table"),
        ('migrator.remove_model("posts")', "ban-drop-table"),
        ('migrator.remove_fields("posts", "words", cascade=True)', "drop-cascade"),
        ('migrator.add_fields("posts", at=pw.DateTimeField(null=True))', "prefer-timestamp-tz"),
        ('migrator.add_fields("posts", extra=pw_pext.JSONField(null=True))', "json"),
        ('migrator.orm["posts"].truncate_table()', "truncate"),
        (POSTS.replace('"posts"', '"others"'), "narrow-key"),
        ('getattr(migrator, "s" + "ql")("DROP " + "TABLE blog.posts")', "ban-drop-table"),
        ('database.execute_sql("DELETE FROM blog.posts")', "all-rows"),
        ('migrator.orm["posts"].update(words=1).execute()', "all-rows"),
        (
            'migrator.sql("ALTER TABLE blog.posts ADD x int");migrator.sql("UPDATE blog.posts SET x = 1 WHERE id = 9")',
            "write-under-lock",
        ),
    ],
)
def test_dangerous_statements_of_peewee_are_found_too(body, rule, lint):
    assert rule in lint(body)


@pytest.mark.parametrize(
    "body",
    [
        'migrator.add_fields("posts", words_read=pw.IntegerField(default=0), note=pw.TextField(null=True))',
        'migrator.add_default("posts", "words", 0)',
        'migrator.change_fields("posts", title=pw.CharField(max_length=200))',
        POSTS.replace("Post", "Tag")
        .replace("posts", "tags")
        .replace("title =", "id = pw.UUIDField(primary_key=True); title =")
        + 'migrator.add_index("tags", "title")',
    ],
)
def test_harmless_statements_of_peewee_pass(body, lint):
    assert lint(body) == set()


def test_catalog_queries_of_peewee_need_no_database_in_the_lint(lint):
    fields = 'tag=pw.ForeignKeyField(migrator.orm["tags"], null=True'
    body = f"""
        {POSTS.replace("Post", "Tag").replace('"posts"', '"tags"').replace(chr(10), chr(10) + " " * 8)}
        migrator.add_fields("posts", {fields}))
        migrator.change_fields("posts", {fields}, on_delete="CASCADE"))
    """
    assert "adding-foreign-key-constraint" in lint(body)


@pytest.mark.parametrize("way", ["cursor()", "connection().cursor()"])
def test_a_cursor_that_bypasses_the_checks_is_refused(way, lint):
    with pytest.raises(MigrationError, match=r"bypasses the checks\. Use migrator\.sql"):
        lint(f'database.{way}.execute("DROP TABLE blog.posts")')


def test_an_index_that_is_built_concurrently_needs_a_name(lint):
    with pytest.raises(MigrationError, match="name the index"):
        lint('migrator.sql("CREATE INDEX CONCURRENTLY ON blog.posts (title)")', head="atomic = False")


@pytest.mark.parametrize(
    ("back", "message"),
    [
        ("SELECT 1", "rollback does not drop the column posts.x, which migrate creates"),
        ("ALTER TABLE blog.posts DROP y", "rollback drops the column posts.y, which migrate does not create"),
        ("DROP TABLE blog.tags", "rollback drops the table tags, which migrate does not create"),
    ],
)
def test_a_rollback_that_undoes_something_else_is_found(back, message, workshop):
    workshop.sql("001_new", "ALTER TABLE blog.posts ADD COLUMN x text", back)
    migrations = files.read("blog", workshop.folder)
    assert message in [danger.message for danger in plan("blog", migrations, migrations)[0].dangers]


def test_the_methods_for_tables_in_use_pass(lint):
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


def test_statements_of_one_text_are_one_transaction_also_step_by_step(lint):
    two = "ALTER TABLE blog.posts ADD x int", "ALTER TABLE blog.tags ADD x int"
    back = 'migrator.sql("ALTER TABLE blog.posts DROP x; ALTER TABLE blog.tags DROP x")'
    assert lint(f"migrator.sql({'; '.join(two)!r})", back, head="atomic = False") == {"several-tables"}
    assert lint("\n".join(f"migrator.sql({text!r})" for text in two), back, head="atomic = False") == set()


def test_a_missing_rollback_and_an_empty_one_are_found(lint, workshop):
    assert lint('migrator.sql("CREATE TABLE blog.t ()")', "pass") == {"empty-rollback"}
    path = workshop.sql("001_new", "CREATE TABLE blog.t ()")
    path.write_text(path.read_text().partition("def rollback")[0])
    migrations = files.read("blog", workshop.folder)
    assert [danger.rule for danger in plan("blog", migrations, migrations)[0].dangers] == ["no-rollback"]


def test_a_finding_may_be_declared_safe_with_a_reason_and_only_that_one(lint):
    body = 'migrator.remove_fields("posts", "words")\nmigrator.sql("TRUNCATE blog.posts")'
    assert lint(body, head='safe = {"ban-drop-column": "no code reads it since release 12"}') == {"truncate"}
    with pytest.raises(MigrationError, match="why it is safe"):
        lint(body, head='safe = {"ban-drop-column": ""}')


def test_up_runs_nothing_when_one_of_the_pending_is_dangerous(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t ()", "DROP TABLE blog.t")
    workshop.sql("002_u", "DROP TABLE blog.t", "CREATE TABLE blog.t ()")
    with pytest.raises(MigrationError) as refusal:
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert "002_u: ban-drop-table: Dropping a table may break existing clients." in str(refusal.value)
    assert 'safe = {"ban-drop-table": "…"}' in str(refusal.value)
    assert workshop.tables() == []


def test_python_code_that_cannot_be_previewed_is_reported_and_checked_as_it_runs(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.write("002_fill", "migrator.run(lambda: database.execute_sql('INSERT INTO blog.t VALUES (%s)', (1,)))")
    workshop.write("003_clear", "def clear():\n    database.execute_sql('DELETE FROM blog.t')\nmigrator.run(clear)")
    with pytest.raises(
        MigrationError, match=r"003_clear: run clear.*'DELETE FROM blog\.t', which is dangerous: all-rows"
    ):
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert (
        "blog: 003_clear: run clear() cannot be previewed; its statements are checked as it sends them"
        in workshop.reported
    )
    assert workshop.query("SELECT x FROM blog.t") == [(1,)]


def test_python_code_that_changes_many_rows_one_by_one_is_stopped(workshop, monkeypatch):
    monkeypatch.setattr(row_rules, "MAX_ROWS", 3)
    workshop.sql("001_t", "CREATE TABLE blog.t (id int); INSERT INTO blog.t VALUES (1)", "DROP TABLE blog.t")
    body = "for i in range(LAST): database.execute_sql('UPDATE blog.t SET id = -id WHERE id = %s', (i,))"
    workshop.write("002_some", f"def go():\n    {body.replace('LAST', '4')}\nmigrator.run(go)", "migrator.run(print)")
    with pytest.raises(
        MigrationError, match=r"002_some: .*many-rows: refused to send 'UPDATE .*, the change number 4 of"
    ):
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    workshop.write("002_some", f"def go():\n    {body.replace('LAST', '3')}\nmigrator.run(go)", "migrator.run(print)")
    workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")


def test_an_update_of_a_big_table_is_found_when_its_size_is_known(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.t SELECT generate_series(1, 20000)")
    workshop.query("ANALYZE blog.t")
    workshop.sql("002_u", "UPDATE blog.t SET x = 0 WHERE x > 5")
    workshop.sql("003_by_key", "UPDATE blog.t SET x = 0 WHERE (t.id = 'a'::text) AND x > 5")
    changes, by_key = plan_pending(workshop.settings, "blog", workshop.folder)
    assert [danger.rule for danger in changes.dangers] == ["many-rows"]
    assert "about 20,000 rows" in changes.dangers[0].message
    assert by_key.dangers == []


DROPS = "migrator.sql('DROP TABLE blog.t')"
ASKS = "database.execute_sql('SELECT 1 FROM blog.t').fetchone()"


@pytest.mark.parametrize(
    "body",
    [
        f"if not fake and {ASKS}: {DROPS}",
        f"if fake: return\n{ASKS}[0]\n{DROPS}",
        "migrator.run(lambda: database.execute_sql('SELECT 1; DROP TABLE blog.t'))",
        "migrator.run(lambda: database.cursor().execute('DROP TABLE blog.t'))",
        "migrator.run(lambda: database.connection().cursor().execute('DROP TABLE blog.t'))",
    ],
)
def test_a_statement_that_only_a_run_reveals_is_refused_before_it_is_sent(body, workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.t VALUES (1)")
    workshop.write("002_new", body, "migrator.run(print)")
    with pytest.raises(MigrationError, match=r"dangerous: ban-drop-table|bypasses the checks"):
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
    assert workshop.tables() == ["t"]


def test_safe_holds_for_its_own_migration_only_and_a_refusal_is_repeated(workshop):
    body = "def go():\n    database.execute_sql('DELETE FROM blog.t')\nmigrator.run(go)"
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.write("002_safe", body, head='safe = {"all-rows": "nobody has it yet"}')
    workshop.write("003_not", body.replace("go()", "again()").replace("migrator.run(go)", "migrator.run(again)"))
    guard = LintGuard()
    for _ in range(2):
        with pytest.raises(MigrationError, match="003_not: run again"):
            workshop.run(lambda runner: runner.up(guard=guard), "blog")


def test_a_preview_changes_nothing_whatever_the_file_sends(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int)", "DROP TABLE blog.t")
    workshop.up("blog")
    workshop.sql("002_a", "SELECT 1 FROM pg_catalog.pg_class; DROP TABLE blog.t", "CREATE TABLE blog.t ()")
    workshop.write("003_b", "database.execute_sql('SELECT lo_create(7) FROM pg_catalog.pg_class LIMIT 1')")
    planned = plan_pending(workshop.settings, "blog", workshop.folder)
    assert [danger.rule for danger in planned[0].dangers] == ["ban-drop-table"]
    assert "read-only transaction" in planned[1].preview.unpreviewed[0]
    assert workshop.tables() == ["t"]


def test_a_rollback_that_creates_a_dropped_index_again_passes(workshop):
    """The rollback is previewed as it will find the database, not as it is."""
    workshop.sql("001_t", "CREATE TABLE blog.t (x int); CREATE INDEX i ON blog.t (x)", "DROP TABLE blog.t")
    workshop.up("blog")
    body = 'migrator.drop_index_concurrently("i")', 'migrator.add_index_concurrently("t", "x", name="i")'
    workshop.write("002_drop", *body, head="atomic = False")
    workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")


def test_a_replaced_constraint_is_previewed_as_it_will_be(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int, CONSTRAINT c CHECK (x > 0))", "DROP TABLE blog.t")
    workshop.up("blog")
    body = 'migrator.sql("ALTER TABLE blog.t DROP CONSTRAINT c")\nmigrator.add_check("t", "c", "x > 1")'
    workshop.write("002_replace", body, body.replace("x > 1", "x > 0"), head="atomic = False")
    (planned,) = plan_pending(workshop.settings, "blog", workshop.folder)
    assert any("CHECK (x > 1) NOT VALID" in statement.text for statement in planned.preview.statements)
    assert planned.dangers == []


def test_catalog_queries_of_peewee_under_a_lock_pass(workshop):
    workshop.write("001_posts", POSTS.replace("title =", "id = pw.UUIDField(primary_key=True); title ="))
    workshop.up("blog")
    back = 'migrator.sql("ALTER TABLE blog.posts ADD title varchar(80), ADD words int")'
    head = 'safe = {"ban-drop-column": "no code reads them since release 12"}'
    workshop.write("002_drop", 'migrator.remove_fields("posts", "title", "words")', back, head=head)
    workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")


def test_a_big_table_without_statistics_counts_as_big(workshop):
    workshop.sql("001_t", "CREATE TABLE blog.t (x int) WITH (autovacuum_enabled = false)", "DROP TABLE blog.t")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.t SELECT generate_series(1, 40000)")
    workshop.sql("002_d", "DELETE FROM blog.t WHERE x IS NOT NULL")
    assert [danger.rule for danger in plan_pending(workshop.settings, "blog", workshop.folder)[0].dangers] == [
        "many-rows"
    ]


WIDER = {
    "varchar(8)": ("varchar(9)", "character varying", "text", "pg_catalog.text"),
    "varchar": ("text",),
    "text": ("varchar",),
    "numeric(9,2)": ("numeric(12, 2)", "numeric", "decimal(9,2)"),
    "numeric(9)": ("numeric(10,0)",),
    "timestamptz(3)": ("timestamptz(4)", "timestamp with time zone", "timestamptz(6)"),
    "timestamp(0)": ("timestamp(3) without time zone", "timestamp"),
    "time(0)": ("time(3)", "time"),
    "timetz(0)": ("time(3) with time zone", "timetz"),
    "interval(0)": ("interval(3)", "interval"),
    "varbit(8)": ("bit varying(9)", "varbit"),
    "cidr": ("inet",),
    "xml": ("text",),
}
NARROWER = {
    "varchar(8)": ("varchar(7)", "varchar(8)[]", "char(8)", "blog.word"),
    "text": ("varchar(8)",),
    "numeric(9,2)": ("numeric(12,3)", "numeric(8,2)"),
    "numeric": ("numeric(9,2)",),
    "timestamptz(3)": ("timestamptz(2)",),
    "timestamptz": ("timestamptz(3)", "date"),
    "interval": ("interval(3)",),
    "varbit": ("varbit(8)",),
    "bit(8)": ("bit(9)",),
    "char(8)": ("char(9)", "text"),
    "inet": ("cidr",),
    "int": ("bigint",),
}


@pytest.mark.parametrize("old", WIDER)
def test_a_type_that_widens_passes_and_rewrites_neither_the_table_nor_its_index(old, workshop):
    workshop.sql("001_t", f"CREATE TABLE blog.t (id uuid, x {old})")
    workshop.up("blog")
    files_of = "SELECT pg_relation_filenode('blog.t'), pg_relation_filenode('blog.i')"
    back = f"ALTER TABLE blog.t ALTER x TYPE {old}"
    indexed = "" if old == "xml" else "CREATE INDEX i ON blog.t (x)"
    for number, new in enumerate(WIDER[old], 2):
        workshop.query(f"{back}; DROP INDEX IF EXISTS blog.i; {indexed or 'CREATE INDEX i ON blog.t (id)'}")
        before = workshop.query(files_of)
        workshop.sql(f"{number:03}_wider", f"ALTER TABLE blog.t ALTER x TYPE {new}", back)
        workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")
        assert workshop.query(files_of) == before, new


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in NARROWER for new in NARROWER[old]])
def test_a_type_that_does_not_widen_is_refused(old, new, lint):
    made_by = f'migrator.sql("CREATE TABLE blog.posts (x {old})")'
    body = f'migrator.sql("ALTER TABLE blog.posts ALTER x TYPE {new}")'
    assert "changing-column-type" in lint(body, made_by=made_by)


@pytest.mark.parametrize("text", [*harmless_migrations.STATEMENTS, *harmless_migrations.STEPS])
def test_a_harmless_migration_on_tables_of_raw_sql_passes(text, lint):
    made_by = f"migrator.sql({harmless_migrations.SETUP!r})"
    statements = [text] if text in harmless_migrations.STATEMENTS else text.split("; ")
    head = "" if text in harmless_migrations.STATEMENTS else "atomic = False"
    body = "\n".join(f"migrator.sql({statement!r})" for statement in statements)
    assert lint(body, made_by=made_by, head=head) == set()


def test_the_harmless_migrations_are_valid_sql(workshop, connection):
    workshop.sql("001_posts", harmless_migrations.SETUP)
    workshop.up("blog")
    old = connection.server_version < 180_000
    for text in harmless_migrations.STATEMENTS:
        if old and harmless_migrations.NEEDS_18.search(text):
            continue
        with connection.atomic() as transaction:
            connection.send(text)
            transaction.rollback()
    for text in harmless_migrations.STEPS:
        for statement in text.split("; ") if not (old and harmless_migrations.NEEDS_18.search(text)) else ():
            connection.send(statement)


def test_a_default_is_called_once_only_by_functions_that_are_not_volatile(connection):
    names = connection.execute_sql("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v'").fetchall()
    assert [name for (name,) in names if CALLED_ONCE.fullmatch(name)] == []


CHECKED_AGAIN = {
    "a CHECK": "ALTER TABLE blog.posts ADD CHECK (title <> '') NOT VALID; ALTER TABLE blog.posts VALIDATE CONSTRAINT "
    "posts_title_check",
    "an index of an expression": "CREATE INDEX ON blog.posts (words, lower(title))",
    "an index of some rows": "CREATE INDEX i ON blog.posts (words) WHERE title > 'a'",
    "an index of the column and an expression": "CREATE INDEX i ON blog.posts (title, lower(word))",
    "an index of the column in some rows": "CREATE INDEX i ON blog.posts (title) WHERE words > 2",
}
NOT_CHECKED_AGAIN = {
    "a CHECK that is not valid": "ALTER TABLE blog.posts ADD CHECK (title <> '') NOT VALID",
    "an index of the column": "CREATE INDEX i ON blog.posts (title, word)",
    "an index of other columns": "CREATE INDEX i ON blog.posts (lower(word)) WHERE words > 2",
    "a CHECK that was dropped": "ALTER TABLE blog.posts ADD CONSTRAINT c CHECK (title <> ''); ALTER TABLE blog.posts "
    "DROP CONSTRAINT c",
    "an index that was renamed and dropped": "CREATE INDEX i ON blog.posts (lower(title)); ALTER INDEX blog.i RENAME "
    "TO j; DROP INDEX blog.j",
    "a column of another name": "ALTER TABLE blog.posts ADD CHECK (word <> ''); ALTER TABLE blog.posts RENAME title TO "
    "title_of; ALTER TABLE blog.posts RENAME word TO x; ALTER TABLE blog.posts RENAME title_of TO title",
}
RAW_POSTS = "CREATE TABLE blog.posts (id uuid PRIMARY KEY, title varchar(80), word text, words int)"


@pytest.mark.parametrize("found", [*CHECKED_AGAIN, *NOT_CHECKED_AGAIN])
@pytest.mark.parametrize("live", [False, True], ids=["by its files", "by its database"])
def test_a_wider_type_is_refused_where_rows_are_checked_again(found, live, workshop):
    workshop.sql("001_posts", RAW_POSTS)
    workshop.sql("002_more", (CHECKED_AGAIN | NOT_CHECKED_AGAIN)[found])
    workshop.sql(
        "003_wider", "ALTER TABLE blog.posts ALTER title TYPE text", "ALTER TABLE blog.posts ALTER title TYPE x"
    )
    assert rules_of_last(workshop, live) == ({"changing-column-type"} if found in CHECKED_AGAIN else set())


NOT_NULL = "ALTER TABLE blog.posts ALTER words SET NOT NULL"
PROOFS = {
    "CHECK (words IS NOT NULL)": set(),
    "CHECK (words > 0 AND (words IS NOT NULL))": set(),
    "CHECK (words IS NOT NULL) NOT VALID": {"adding-not-nullable-field"},
    "CHECK (words IS NOT NULL) NOT ENFORCED": {"adding-not-nullable-field"},
    "CHECK (words IS NOT NULL OR id IS NOT NULL)": {"adding-not-nullable-field"},
    "CHECK ((words IS NOT NULL AND id IS NOT NULL) = (title IS NOT NULL))": {"adding-not-nullable-field"},
    "CHECK (words > 0)": {"adding-not-nullable-field"},
}


@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize("live", [False, True], ids=["by its files", "by its database"])
def test_not_null_passes_when_an_earlier_migration_has_validated_a_check_of_it(proof, live, workshop):
    if live and "ENFORCED" in proof and workshop.query("SHOW server_version_num")[0][0] < "180000":
        pytest.skip("NOT ENFORCED is new in PostgreSQL 18")
    workshop.sql("001_posts", RAW_POSTS)
    workshop.sql("002_check", f"ALTER TABLE blog.posts ADD CONSTRAINT c {proof}")
    workshop.sql("003_not_null", NOT_NULL, NOT_NULL.replace("SET", "DROP"))
    assert rules_of_last(workshop, live) == PROOFS[proof]


def rules_of_last(workshop, live):
    """Return the rules that the last migration breaks, with the earlier ones applied or only read."""
    *earlier, last = migrations = files.read("blog", workshop.folder)
    if not live:
        return {danger.rule for danger in plan("blog", migrations, [last])[0].dangers}
    workshop.up("blog", to=earlier[-1].name)
    return {danger.rule for danger in plan_pending(workshop.settings, "blog", workshop.folder)[0].dangers}


@pytest.mark.parametrize("name", DATABASE_NAMES)
def test_the_migrations_of_this_repository_are_no_danger(name):
    migrations = files.read(name)
    refuse_dangers(plan(name, migrations, migrations))


def test_sql_that_builds_an_index_concurrently_is_refused_in_a_transaction_and_passes_outside(lint):
    body = 'migrator.sql("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON blog.posts (title)")'
    with pytest.raises(MigrationError, match="Write atomic = False"):
        lint(body)
    assert lint(body, head="atomic = False") == set()
