"""Friends: asking, accepting, ending, blocking. Everything between two users is one row (`Relationship`).

Lock order: first the users, the smaller identifier first, then their row. Whoever asks holds both users FOR SHARE, so
that neither leaves meanwhile; whoever leaves holds their own user, and finds every row that was made before.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.accounts.models import Relationship, User
from blog_app.data.models import now
from blog_app.errors import Conflict, NotFound, invalid

NOBODY = "There is no such user."


def ask(sender: UUID, receiver: UUID) -> Relationship:
    """Ask somebody to be friends and return the request; if they have asked already, the two are friends now.

    Raises `Invalid` for oneself and for somebody who is not to be seen, `Conflict` if there is nothing left to ask.
    """
    if sender == receiver:
        raise invalid("user_id", "You cannot be your own friend.")
    if receiver not in _held(sender, receiver):
        raise invalid("user_id", NOBODY)
    low, high = sorted((sender, receiver))
    asked = Relationship(low=low, high=high, requester=sender)
    pair = _insert_or_lock(asked)
    if pair.low_blocks or pair.high_blocks:
        raise Conflict("You block this user.") if pair.is_blocked_by(sender) else invalid("user_id", NOBODY)
    if pair.friends_since:
        raise Conflict("You are friends already.")
    if pair.requester_id == receiver:
        return accept(pair)
    if pair.id != asked.id:
        raise Conflict("You have asked already.")
    return pair


def accept(pair: Relationship) -> Relationship:
    """Make the two who are in a request friends."""
    pair.change(friends_since=now())
    return pair


def block(blocker: UUID, blocked: UUID) -> Relationship:
    """Hide two users from each other and return their row; whatever else was between them ends."""
    if blocker == blocked:
        raise Conflict("You cannot block yourself.")
    if blocked not in _held(blocker, blocked, whoever=True):
        raise NotFound(NOBODY)
    low, high = sorted((blocker, blocked))
    flag = _flag(blocker, blocked)
    made = Relationship(low=low, high=high, **{flag: True})
    pair = _insert_or_lock(made)
    if not pair.is_blocked_by(blocker):
        pair.change(requester=None, friends_since=None, **{flag: True})
    return pair


def unblock(blocker: UUID, blocked: UUID) -> None:
    """Take a block back, if there is one; the other's stays."""
    pair = Relationship.of(blocker).where(Relationship.other(blocker) == blocked).for_update().first()
    if pair is None or not pair.is_blocked_by(blocker):
        return
    if pair.low_blocks and pair.high_blocks:
        pair.change(**{_flag(blocker, blocked): False})
    else:
        pair.delete_instance()


def suggestions(user_id: UUID, people: Any) -> Any:
    """Return the query for the friends of a user's friends among `people`, with `suggested.mutual_friends`.

    Left out are those with whom there is something already: friends, requests either way, blocks.
    """
    mine = Relationship.friends_of(user_id)
    friends = Relationship.friends_since.is_null(False)
    behind_low = Relationship.select(Relationship.high.alias("user_id")).where(friends, Relationship.low.in_(mine))
    behind_high = Relationship.select(Relationship.low.alias("user_id")).where(friends, Relationship.high.in_(mine))
    both = behind_low.union_all(behind_high)
    count = peewee.fn.count(peewee.SQL("*")).alias("mutual_friends")
    suggested = both.select_from(both.c.user_id, count).group_by(both.c.user_id).alias("suggested")
    known = Relationship.of(user_id).select(Relationship.other(user_id))
    return (
        people.join(suggested, on=(suggested.c.user_id == User.id))
        .where(User.id != user_id)
        .where(User.id.not_in(known))
    )


def _held(first: UUID, second: UUID, *, whoever: bool = False) -> set[UUID]:
    """Lock two users against leaving; return those who are there, and active unless it is `whoever`."""
    query = User.select(User.id, User.status).where(User.id.in_([first, second]))
    users = query.order_by(User.id).for_update("FOR SHARE")
    return {user.id for user in users if whoever or user.status == "active"}


def _insert_or_lock(pair: Relationship) -> Relationship:
    """Insert the row, or lock the one that is there, in one statement; return the row as it is then."""
    query = Relationship.insert(pair.__data__).on_conflict(
        conflict_target=[Relationship.low, Relationship.high],
        update={Relationship.low: peewee.EXCLUDED.low_id},
    )
    return next(iter(query.returning(Relationship).execute()))


def _flag(blocker: UUID, blocked: UUID) -> str:
    return "low_blocks" if blocker < blocked else "high_blocks"
