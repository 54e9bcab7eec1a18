"""The endpoints of friend requests, friends, friend suggestions and blocks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.accounts import friends as actions
from blog_app.accounts.models import Relationship, User
from blog_app.accounts.schemas import DirectionParameter, FriendRequestSchema, SuggestionSchema, UserSchema
from blog_app.accounts.views.users import user_at
from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.data import databases

requests = Blueprint("requests", database=databases.accounts, prefix="/friend-requests")
friends = Blueprint("friends", database=databases.accounts, prefix="")


def request_at(request_id: UUID) -> Any:
    return Relationship.pending_requests(identity().user_id).where(Relationship.id == request_id)


def request_to_me_at(request_id: UUID) -> Any:
    return request_at(request_id).where(Relationship.requester != identity().user_id)


def friendship_at(user_id: UUID) -> Any:
    me = identity().user_id
    return Relationship.involving(me).where(
        Relationship.friends_since.is_null(False), Relationship.other_user(me) == user_id
    )


@requests.lists("", FriendRequestSchema, parameters=DirectionParameter)
def list_requests(direction: str | None) -> Any:
    """List your pending friend requests, sent and received."""
    me = identity().user_id
    query = Relationship.pending_requests(me)
    if direction is None:
        return query
    return query.where(Relationship.requester == me if direction == "sent" else Relationship.requester != me)


@requests.shows("/<uuid:request_id>", FriendRequestSchema)
def show_request(request_id: UUID) -> Any:
    """Retrieve a pending friend request that you sent or received."""
    return request_at(request_id)


@requests.creates("", FriendRequestSchema)
def send_request(user_id: UUID) -> Relationship:
    """Send a friend request. If that user has already sent you one, it is accepted: `status` is `accepted`."""
    return actions.send_request(identity().user_id, user_id)


@requests.acts("PUT", "/<uuid:request_id>/acceptance", response=FriendRequestSchema, load=request_to_me_at)
def accept_request(request: Relationship) -> Relationship:
    """Accept a friend request that you received."""
    return actions.accept(request)


@requests.deletes("/<uuid:request_id>", load=request_at)
def end_request(request: Relationship) -> None:
    """Decline a friend request that you received, or withdraw one that you sent."""
    request.delete_instance()


@friends.lists("/me/friends", UserSchema)
def list_friends() -> Any:
    """List your friends."""
    return allowed(User).where(User.id.in_(Relationship.friend_ids(identity().user_id)))


@friends.deletes("/me/friends/<uuid:user_id>", load=friendship_at)
def end_friendship(friendship: Relationship) -> None:
    """Remove a friend. You are removed from their friends, too."""
    friendship.delete_instance()


@friends.lists("/me/friend-suggestions", SuggestionSchema)
def list_suggestions() -> Any:
    """List friends of your friends, those with the most mutual friends first."""
    return actions.suggestions(identity().user_id, allowed(User))


@friends.lists("/users/<uuid:user_id>/mutual-friends", UserSchema, parent=user_at)
def list_mutual_friends(user_id: UUID) -> Any:
    """List the friends that you and another user have in common."""
    return (
        allowed(User)
        .where(User.id.in_(Relationship.friend_ids(identity().user_id)))
        .where(User.id.in_(Relationship.friend_ids(user_id)))
        .where(peewee.Value(user_id).not_in(Relationship.blocked_either_way(identity().user_id)))
    )


@friends.lists("/me/blocks", UserSchema)
def list_blocks() -> Any:
    """List the users you have blocked."""
    return User.select().where(User.id.in_(Relationship.blocked_ids(identity().user_id)))


@friends.acts("PUT", "/me/blocks/<uuid:user_id>")
def block_user(user_id: UUID) -> Relationship:
    """Block a user: you no longer see each other, and any friendship or request between you ends.

    Published posts and comments of both users stay public, with their author's name.
    """
    return actions.block(identity().user_id, user_id)


@friends.deletes("/me/blocks/<uuid:user_id>")
def unblock_user(user_id: UUID) -> None:
    """Unblock a user. Does nothing if the user is not blocked."""
    actions.unblock(identity().user_id, user_id)
