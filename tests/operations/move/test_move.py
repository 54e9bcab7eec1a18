"""A move there, back, and confirmed; what is brought, and what is left."""

from __future__ import annotations

from tests.operations.move.conftest import Removal

LEFT_OVER = """
SELECT 'slot', slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'publication', pubname FROM pg_publication
UNION ALL SELECT 'subscription', subname FROM pg_subscription
          WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgname = 'blog_app_fence'
UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname IN ('blog_app_moves', 'blog_moved')
UNION ALL SELECT 'identity', relname FROM pg_class WHERE relreplident = 'f'
"""


def test_everything_moves_and_the_old_place_answers_no_more(removal: Removal) -> None:
    before = removal.contents("source")
    removal.move()
    assert removal.standings() == ("left", "serving")
    assert removal.contents("target") == before
    assert removal.writes("target")
    assert not removal.writes("source")
    assert removal.follow.led == [removal.target]
    assert any("writes were refused for" in line for line in removal.said)


def test_confirmed_nothing_is_left_but_a_word(removal: Removal) -> None:
    removal.move()
    removal.confirm()
    assert removal.standings() == ("gone", None)
    assert removal.query("target", LEFT_OVER) == []
    assert removal.query("source", LEFT_OVER) == [("schema", "blog_app_moves")]


def test_the_way_back_brings_all_that_was_written_meanwhile(removal: Removal) -> None:
    removal.move()
    removal.query("target", "UPDATE blog.posts SET price = 1; DELETE FROM blog.visits WHERE at > '2026-01-03'")
    removal.query("target", "INSERT INTO blog.comments (post) SELECT id FROM blog.posts LIMIT 7")
    after = removal.contents("target")
    removal.query("target", "REFRESH MATERIALIZED VIEW blog.daily")
    after = removal.contents("target")
    removal.back()
    assert removal.standings() == (None, None)
    assert removal.contents("source") == after
    assert removal.writes("source")
    assert not removal.writes("target")
    assert removal.query("source", LEFT_OVER) == removal.query("target", LEFT_OVER) == []
