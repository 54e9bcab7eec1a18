"""Friend requests, friendships, blocks and friend suggestions. Two users share one row (`Relationship`).

Lock order: first the users, the smaller identifier first, then their relationship. A request locks both users FOR
SHARE, so that neither is deleted meanwhile; a deletion locks its user, and finds every relationship made before.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.accounts.models import Relationship, User
from blog_app.data.models import now
from blog_app.errors import Conflict, NotFound, invalid

NO_SUCH_USER = "No such user."


def send_request(sender: UUID, receiver: UUID) -> Relationship:
    """Send a friend request and return it; if the receiver has sent one already, accept that instead.

    Raises `Invalid` for oneself and for a user who is not visible, `Conflict` if the two are friends already, the
    request was already sent, or the sender blocks the receiver.
    """
    if sender == receiver:
        raise invalid("user_id", "You cannot send yourself a friend request.")
    if receiver not in _lock_users(sender, receiver):
        raise invalid("user_id", NO_SUCH_USER)
    low, high = sorted((sender, receiver))
    new = Relationship(low=low, high=high, requester=sender)
    relationship = _insert_or_lock(new)
    if relationship.is_blocked_by(sender):
        raise Conflict("You have blocked this user. Unblock them first.")
    if relationship.is_blocked_by(receiver):
        raise invalid("user_id", NO_SUCH_USER)
    if relationship.friends_since:
        raise Conflict("You are already friends.")
    if relationship.requester_id == receiver:
        return accept(relationship)
    if relationship.id != new.id:
        raise Conflict("You have already sent this user a friend request.")
    return relationship


def accept(relationship: Relationship) -> Relationship:
    """Accept a friend request: the two are friends now."""
    return relationship.change(friends_since=now())


def block(blocker: UUID, blocked: UUID) -> Relationship:
    """Hide two users from each other and return their relationship; friendship and requests between them end."""
    if blocker == blocked:
        raise Conflict("You cannot block yourself.")
    if blocked not in _lock_users(blocker, blocked, any_status=True):
        raise NotFound(NO_SUCH_USER)
    low, high = sorted((blocker, blocked))
    flag = _flag(blocker, blocked)
    relationship = _insert_or_lock(Relationship(low=low, high=high, **{flag: True}))
    if not relationship.is_blocked_by(blocker):
        relationship.change(requester=None, friends_since=None, **{flag: True})
    return relationship


def unblock(blocker: UUID, blocked: UUID) -> None:
    """Remove the block, if there is one; a block by the other user stays."""
    relationship = (
        Relationship.involving(blocker).where(Relationship.other_user(blocker) == blocked).for_update().first()
    )
    if relationship is None or not relationship.is_blocked_by(blocker):
        return
    if relationship.low_blocks and relationship.high_blocks:
        relationship.change(**{_flag(blocker, blocked): False})
    else:
        relationship.delete_instance()


def suggestions(user_id: UUID, people: Any) -> Any:
    """Return the query for the friends of a user's friends among `people`, with `suggested.mutual_friends`.

    Users who have a relationship with the user already (friendship, request either way, block) are left out.
    """
    mine = Relationship.friend_ids(user_id)
    friends = Relationship.friends_since.is_null(False)
    behind_low = Relationship.select(Relationship.high.alias("user_id")).where(friends, Relationship.low.in_(mine))
    behind_high = Relationship.select(Relationship.low.alias("user_id")).where(friends, Relationship.high.in_(mine))
    both = behind_low.union_all(behind_high)
    count = peewee.fn.count(peewee.SQL("*")).alias("mutual_friends")
    suggested = both.select_from(both.c.user_id, count).group_by(both.c.user_id).alias("suggested")
    known = Relationship.involving(user_id).select(Relationship.other_user(user_id))
    return people.join(suggested, on=(suggested.c.user_id == User.id)).where(User.id != user_id, User.id.not_in(known))


def _lock_users(first: UUID, second: UUID, *, any_status: bool = False) -> set[UUID]:
    """Lock two users against deletion; return those who exist, and are active unless `any_status`."""
    query = User.select(User.id, User.status).where(User.id.in_([first, second]))
    users = query.order_by(User.id).for_update("FOR SHARE")
    return {user.id for user in users if any_status or user.status == "active"}


def _insert_or_lock(relationship: Relationship) -> Relationship:
    """Insert the relationship, or lock the existing one, in one statement; return the stored row."""
    query = Relationship.insert(relationship.__data__).on_conflict(
        conflict_target=[Relationship.low, Relationship.high], update={Relationship.low: peewee.EXCLUDED.low_id}
    )
    return next(iter(query.returning(Relationship).execute()))


def _flag(blocker: UUID, blocked: UUID) -> str:
    return "low_blocks" if blocker < blocked else "high_blocks"
