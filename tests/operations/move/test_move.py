"""A move there, back, and confirmed; what is brought, and what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blog_app.data import databases
from tests.operations.move.conftest import Scenario

LEFTOVERS = """
SELECT 'slot', slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'publication', pubname FROM pg_publication
UNION ALL SELECT 'subscription', subname FROM pg_subscription
          WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgname = 'blog_app_fence'
UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname IN ('blog_app_moves', 'blog_moved')
UNION ALL SELECT 'identity', relname FROM pg_class WHERE relreplident = 'f'
"""


def test_everything_moves_and_the_old_place_answers_no_more(scenario: Scenario) -> None:
    before = scenario.contents("source")
    scenario.move()
    assert scenario.standings() == ("left", "serving")
    assert scenario.contents("target") == before
    assert scenario.writes("target")
    assert not scenario.writes("source")
    assert scenario.redirection.urls == [scenario.target]
    assert any("writes were refused for" in line for line in scenario.reported)


def test_confirmed_nothing_is_left_but_a_word(scenario: Scenario) -> None:
    scenario.move()
    scenario.confirm()
    assert scenario.standings() == ("gone", None)
    assert scenario.query("target", LEFTOVERS) == []
    assert scenario.query("source", LEFTOVERS) == [("schema", "blog_app_moves")]


def test_the_way_back_brings_all_that_was_written_meanwhile(scenario: Scenario) -> None:
    scenario.move()
    scenario.query("target", "UPDATE blog.posts SET price = 1; DELETE FROM blog.visits WHERE at > '2026-01-03'")
    scenario.query("target", "INSERT INTO blog.comments (post) SELECT id FROM blog.posts LIMIT 7")
    after = scenario.contents("target")
    scenario.query("target", "REFRESH MATERIALIZED VIEW blog.daily")
    after = scenario.contents("target")
    scenario.back()
    assert scenario.standings() == (None, None)
    assert scenario.contents("source") == after
    assert scenario.writes("source")
    assert not scenario.writes("target")
    assert scenario.query("source", LEFTOVERS) == scenario.query("target", LEFTOVERS) == []


def test_a_process_starts_behind_a_pooler_that_leads_to_the_target(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    blog = replace(scenario.settings.databases["blog"], url=scenario.target, direct_url=scenario.source)
    redirected = replace(scenario.settings, databases=dict(scenario.settings.databases, blog=blog))
    with pytest.raises(databases.WrongDatabase):
        databases.require_answer(redirected, "blog")

    monkeypatch.setattr(scenario.redirection, "redirect", lambda _: databases.require_answer(redirected, "blog"))
    scenario.move()
    databases.require_answer(redirected, "blog")
    scenario.confirm()
    databases.require_answer(redirected, "blog")
