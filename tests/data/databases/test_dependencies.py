"""What a statement writes, read from Peewee queries and from SQL; no server is asked."""

from typing import Any
from uuid import UUID

import peewee
import pytest

from blog_app.data.databases.dependencies import collections_of_rows, is_write, written_by_insert, written_by_query


class Base(peewee.Model):
    class Meta:
        schema = "library"
        legacy_table_names = False


class Shelf(Base):
    id = peewee.UUIDField(primary_key=True)
    name = peewee.TextField()


class Book(Base):
    id = peewee.UUIDField(primary_key=True)
    title = peewee.TextField()
    shelf = peewee.ForeignKeyField(Shelf, null=True, on_delete="SET NULL")


class Comic(Book):
    class Meta:
        table_name = "book"


class Keyword(Base):
    book = peewee.ForeignKeyField(Book, on_delete="CASCADE")
    word = peewee.TextField()

    class Meta:
        primary_key = peewee.CompositeKey("book", "word")
        row_key = "book"
        also_writes = ("search_index",)


class Loan(Base):
    book = peewee.ForeignKeyField(Book, on_delete="RESTRICT")

    class Meta:
        table_name = "loans"


class ViewCount(Base):
    book = peewee.ForeignKeyField(Book, on_delete="CASCADE")

    class Meta:
        watermarked = False


ONE, TWO = UUID(int=1), UUID(int=2)


def test_an_update_writes_the_table_and_the_rows_that_its_condition_names() -> None:
    assert written_by_query(Book.update(title="x").where(Book.id == ONE)) == {"book", f"book/{ONE}"}
    assert written_by_query(Book.update(title="x").where(Book.id.in_([ONE, TWO]))) == {
        "book",
        f"book/{ONE}",
        f"book/{TWO}",
    }
    assert written_by_query(Book.update(title="x").where((Book.title == "y") & (Book.id == ONE))) == {
        "book",
        f"book/{ONE}",
    }


@pytest.mark.parametrize(
    "condition",
    [
        Book.title == "y",
        (Book.id == ONE) | (Book.title == "y"),
        Book.id != ONE,
        Book.id.in_(Keyword.select(Keyword.book)),
        Book.id == peewee.fn.gen_random_uuid(),
    ],
)
def test_an_update_that_names_no_rows_writes_the_unnamed_rows(condition: Any) -> None:
    assert written_by_query(Book.update(title="x").where(condition)) == {"book", "book/*"}


def test_an_update_without_a_condition_writes_the_unnamed_rows() -> None:
    assert written_by_query(Book.update(title="x")) == {"book", "book/*"}


def test_every_spelling_of_an_identifier_names_the_same_row() -> None:
    spelled = [ONE, str(ONE), str(ONE).upper(), ONE.hex]
    assert {frozenset(written_by_query(Book.update(title="x").where(Book.id == key))) for key in spelled} == {
        frozenset({"book", f"book/{ONE}"})
    }


def test_saving_and_deleting_an_instance_name_its_row() -> None:
    book = Book(id=ONE, title="x")
    assert written_by_query(Book.update(title="y").where(book._pk_expr())) == {"book", f"book/{ONE}"}
    assert f"book/{ONE}" in written_by_query(Book.delete().where(book._pk_expr()))


def test_an_insert_writes_the_table_alone_unless_it_may_change_a_row() -> None:
    assert written_by_query(Book.insert(id=ONE, title="x")) == {"book"}
    assert written_by_query(Book.insert_many([{"id": ONE, "title": "x"}])) == {"book"}
    assert written_by_query(Book.insert(id=ONE, title="x").on_conflict_ignore()) == {"book"}
    changing = Book.insert(id=ONE, title="x").on_conflict(conflict_target=[Book.id], preserve=[Book.title])
    assert written_by_query(changing) == {"book", "book/*"}


@pytest.mark.parametrize(
    ("model", "row"),
    [
        (Book, {"id": ONE, "title": "x"}),
        (Keyword, {"book": ONE, "word": "x"}),
        (Keyword, {"word": "x"}),
        (Loan, {"book": ONE}),
        (ViewCount, {"book": ONE}),
    ],
)
def test_a_new_row_writes_what_its_insert_does(model: Any, row: dict[str, Any]) -> None:
    assert written_by_insert(model, row) == written_by_query(model.insert(row))


def test_a_row_may_be_named_by_another_key_than_the_primary_one() -> None:
    named = {"keyword", f"keyword/{ONE}", "search_index", "search_index/*"}
    assert written_by_query(Keyword.insert(book=ONE, word="x")) == named
    assert written_by_query(Keyword.insert_many([{"book": Book(id=ONE), "word": "x"}])) == named
    assert written_by_query(Keyword.delete().where((Keyword.book == Book(id=ONE)) & (Keyword.word == "x"))) == named
    nameless = {"keyword", "keyword/*", "search_index", "search_index/*"}
    assert written_by_query(Keyword.update(book=TWO).where(Keyword.book == ONE)) == nameless
    assert (
        written_by_query(Keyword.insert_from(Book.select(Book.id, Book.title), [Keyword.book, Keyword.word]))
        == nameless
    )


def test_a_delete_also_writes_what_foreign_keys_change() -> None:
    assert written_by_query(Shelf.delete().where(Shelf.id == ONE)) == {"shelf", f"shelf/{ONE}", "book", "book/*"}
    followers = {"keyword", "keyword/*", "search_index", "search_index/*"}
    assert written_by_query(Book.delete().where(Book.id == ONE)) == {"book", f"book/{ONE}", *followers}
    assert written_by_query(Comic.delete().where(Comic.id == ONE)) == {"book", f"book/{ONE}", *followers}


def test_a_write_inside_a_common_table_expression_is_seen() -> None:
    gone = Book.delete().where(Book.id == ONE).returning(Book.id).cte("gone")
    assert f"book/{ONE}" in written_by_query(gone.select_from(gone.c.id).with_cte(gone))


def test_a_read_and_a_write_to_a_table_without_watermarks_write_no_collection() -> None:
    assert written_by_query(Book.select().where(Book.id == ONE)) == set()
    assert written_by_query(ViewCount.insert(book=ONE)) == set()


def test_a_declaration_names_rows_or_none() -> None:
    assert collections_of_rows(Book, [ONE]) == {"book", f"book/{ONE}"}
    assert collections_of_rows(Book) == {"book", "book/*"}


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("SELECT 1", False),
        (" (SELECT 1)", False),
        ("WITH a AS (SELECT 1 FOR NO KEY UPDATE) SELECT 1", False),
        ("SAVEPOINT s;", False),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", False),
        ("VACUUM t", False),
        ("insert into t values (1)", True),
        ("WITH a AS (DELETE FROM t RETURNING 1) SELECT 1", True),
        ("EXPLAIN ANALYZE UPDATE t SET a = 1", True),
        ("TRUNCATE t", True),
        ("ALTER TABLE t ADD a int", True),
        ("/* hidden */ DELETE FROM t", True),
    ],
)
def test_raw_sql_is_a_write_unless_it_is_known_to_be_none(sql: str, written: bool) -> None:
    assert is_write(sql) is written
