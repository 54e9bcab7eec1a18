"""Stateful property test of relationships between four users: the database always matches a plain model."""

from __future__ import annotations

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from blog_app.accounts import friends, lifecycle
from blog_app.accounts.models import Relationship, User
from blog_app.data import databases
from blog_app.errors import Conflict, Invalid
from tests.conftest import empty_all_tables

PEOPLE = range(4)
two = st.sampled_from(list(permutations(PEOPLE, 2)))


class Friends(RuleBasedStateMachine):
    """Acts on the database, and records in plain sets what must be true."""

    app: Flask

    @initialize()
    def begin(self) -> None:
        self.context = self.app.app_context()
        self.context.push()
        empty_all_tables()
        with databases.accounts.atomic():
            self.ids = [User.create_with_profile(f"user{number}@example.com", "Somebody", "-").id for number in PEOPLE]
        self.requests: set[tuple[int, int]] = set()
        self.friends: set[frozenset[int]] = set()
        self.blocks: set[tuple[int, int]] = set()
        self.gone: set[int] = set()

    def teardown(self) -> None:
        self.context.pop()

    def act(self, function: Any, *arguments: Any) -> bool:
        """Act in a transaction, as a request would; return whether it was accepted."""
        try:
            with databases.accounts.atomic():
                function(*arguments)
        except (Conflict, Invalid):
            return False
        return True

    def pair(self, first: int, second: int) -> Any:
        one = self.ids[first]
        return Relationship.involving(one).where(Relationship.other_user(one) == self.ids[second]).first()

    @rule(who=two)
    def ask(self, who: tuple[int, int]) -> None:
        first, second = who
        if first in self.gone:
            return
        blocked = {who, (second, first)} & self.blocks
        possible = not (second in self.gone or blocked or who in self.requests or frozenset(who) in self.friends)
        assert self.act(friends.send_request, self.ids[first], self.ids[second]) == possible
        if possible and (second, first) in self.requests:
            self.requests.remove((second, first))
            self.friends.add(frozenset(who))
        elif possible:
            self.requests.add(who)

    @rule(who=two)
    def accept(self, who: tuple[int, int]) -> None:
        if who in self.requests:
            assert self.act(friends.accept, self.pair(*who))
            self.requests.remove(who)
            self.friends.add(frozenset(who))

    @rule(who=two)
    def end(self, who: tuple[int, int]) -> None:
        if who in self.requests or frozenset(who) in self.friends:
            self.act(self.pair(*who).delete_instance)
            self.requests.discard(who)
            self.friends.discard(frozenset(who))

    @rule(who=two)
    def block(self, who: tuple[int, int]) -> None:
        if not self.gone.intersection(who):
            assert self.act(friends.block, self.ids[who[0]], self.ids[who[1]])
            self.requests -= {who, who[::-1]}
            self.friends.discard(frozenset(who))
            self.blocks.add(who)

    @rule(who=two)
    def unblock(self, who: tuple[int, int]) -> None:
        self.act(friends.unblock, self.ids[who[0]], self.ids[who[1]])
        self.blocks.discard(who)

    @rule(person=st.sampled_from(PEOPLE))
    def leave(self, person: int) -> None:
        if person not in self.gone:
            self.act(lifecycle.delete, User.get_by_id(self.ids[person]))
            self.gone.add(person)
            self.requests = {each for each in self.requests if person not in each}
            self.friends = {each for each in self.friends if person not in each}

    @rule(person=st.sampled_from(PEOPLE))
    def come_back(self, person: int) -> None:
        if person in self.gone:
            self.act(User.restore, User.only_deleted().where(User.id == self.ids[person]).get())
            self.gone.remove(person)

    @invariant()
    def the_database_says_the_same(self) -> None:
        number = {identifier: index for index, identifier in enumerate(self.ids)}
        for person, identifier in enumerate(self.ids):
            assert self._numbers(Relationship.friend_ids(identifier), number) == {
                other for pair in self.friends if person in pair for other in pair - {person}
            }
            assert self._numbers(Relationship.blocked_ids(identifier), number) == {
                blocked for blocker, blocked in self.blocks if blocker == person
            }
            assert {
                (number[pair.requester_id], number[pair.low_id], number[pair.high_id])
                for pair in Relationship.pending_requests(identifier)
            } == {(sender, *sorted((sender, to))) for sender, to in self.requests if person in (sender, to)}
        assert Relationship.select().count() == len(
            self.friends | {frozenset(each) for each in self.requests} | {frozenset(each) for each in self.blocks}
        )

    def _numbers(self, query: Any, number: dict[UUID, int]) -> set[int]:
        return {number[UUID(str(row[0]))] for row in query.tuples()}


@pytest.fixture(autouse=True)
def machine_on(app: Flask) -> None:
    Friends.app = app


def test_relationships_match_a_simple_model_after_any_actions() -> None:
    limits = settings(max_examples=20, stateful_step_count=25)
    run_state_machine_as_test(Friends, settings=limits)
