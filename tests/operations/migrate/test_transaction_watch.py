"""The bounds of one transaction: what no text tells is measured before the commit, and rolled back."""

from __future__ import annotations

import pytest

from blog_app.operations.migrate import MigrationError, lock_retry, transaction_watch
from blog_app.operations.migrate.lint import row_rules
from blog_app.operations.migrate.plan import LintGuard

ROW_BY_ROW = """
    def go():
        for i in range(1, 5):
            database.execute_sql(f"UPDATE blog.t SET x = 1 WHERE id = {i}")
    migrator.run(go)
"""
REWRITE = """
    def go():
        database.execute_sql("ALTER TABLE blog.t ADD COLUMN y blog.positive")
    migrator.run(go)
"""
WAIT = """
    def go():
        database.execute_sql("SELECT id FROM blog.t WHERE id = 1 FOR UPDATE")
        import time
        time.sleep(1)
        database.execute_sql("SELECT 1")
    migrator.run(go)
"""


@pytest.fixture
def table(workshop):
    workshop.sql("001_t", "CREATE DOMAIN blog.positive AS int CHECK (VALUE > 0); CREATE TABLE blog.t (id int, x int)")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.t SELECT generate_series(1, 9), 0")
    return workshop


def up(workshop):
    return workshop.run(lambda runner: runner.up(guard=LintGuard()), "blog")


def test_rows_changed_one_by_one_are_counted_whatever_the_values_in_the_text(table, monkeypatch):
    monkeypatch.setattr(row_rules, "MAX_ROWS", 3)
    table.write("002_rows", ROW_BY_ROW, "migrator.run(print)")
    with pytest.raises(MigrationError, match=r"many-rows: refused to send .*, the change number 4 of one transaction"):
        up(table)
    table.write("002_rows", ROW_BY_ROW, "migrator.run(print)", head='safe = {"many-rows": "nobody writes them"}')
    up(table)


def test_rows_that_a_trigger_changes_are_counted(table, monkeypatch):
    monkeypatch.setattr(row_rules, "MAX_ROWS", 3)
    table.query(
        "CREATE FUNCTION blog.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE blog.t SET x = 2; RETURN NEW; "
        "END $$; CREATE TABLE blog.other (id int PRIMARY KEY); CREATE TRIGGER t AFTER INSERT ON blog.other "
        "FOR EACH ROW EXECUTE FUNCTION blog.f()"
    )
    table.sql("002_rows", "INSERT INTO blog.other VALUES (1)")
    with pytest.raises(MigrationError, match="many-rows: rolled back, because one transaction changed 9 rows of t"):
        up(table)
    assert table.query("SELECT count(*) FROM blog.other") == [(0,)]


def test_a_table_that_was_written_anew_is_rolled_back(table):
    table.write("002_column", REWRITE, "migrator.run(print)")
    with pytest.raises(MigrationError, match="table-rewrite: rolled back, because PostgreSQL wrote t anew"):
        up(table)
    table.write("002_column", REWRITE, "migrator.run(print)", head='safe = {"table-rewrite": "it is small"}')
    assert up(table) == {"blog": ["002_column"]}


def test_a_transaction_that_keeps_rows_locked_for_long_is_rolled_back(table, monkeypatch):
    monkeypatch.setattr(transaction_watch, "MAX_SECONDS", 0.5)
    table.write("002_wait", WAIT, "migrator.run(print)")
    with pytest.raises(
        MigrationError, match=r"long-transaction: .* one transaction kept t locked for more than 0\.5 s"
    ):
        up(table)


def test_code_that_waits_for_something_else_in_its_transaction_ends_the_run(table, monkeypatch):
    monkeypatch.setattr(lock_retry, "IDLE_TIMEOUT", 0.5)
    table.write("002_wait", WAIT, "migrator.run(print)")
    with pytest.raises(MigrationError, match=r"the code did something else than SQL for more than 0\.5 s"):
        up(table)
