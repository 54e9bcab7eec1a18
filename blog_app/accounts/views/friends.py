"""Friends: requests, friendships, blocks, and who might be a friend."""

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
    return Relationship.requests_of(identity().user_id).where(Relationship.id == request_id)


def request_to_me_at(request_id: UUID) -> Any:
    return request_at(request_id).where(Relationship.requester != identity().user_id)


def friendship_at(user_id: UUID) -> Any:
    me = identity().user_id
    return Relationship.of(me).where(Relationship.friends_since.is_null(False), Relationship.other(me) == user_id)


@requests.lists("", FriendRequestSchema, parameters=DirectionParameter)
def list_requests(direction: str | None) -> Any:
    """List the friend requests that you sent or received and nobody has answered yet."""
    me = identity().user_id
    query = Relationship.requests_of(me)
    if direction is None:
        return query
    return query.where(Relationship.requester == me if direction == "sent" else Relationship.requester != me)


@requests.shows("/<uuid:request_id>", FriendRequestSchema)
def show_request(request_id: UUID) -> Any:
    """Show one of your open friend requests, sent or received."""
    return request_at(request_id)


@requests.creates("", FriendRequestSchema)
def send_request(user_id: UUID) -> Relationship:
    """Ask a user to be friends; if they have asked you meanwhile, you are friends, and the answer says `accepted`."""
    return actions.ask(identity().user_id, user_id)


@requests.does("PUT", "/<uuid:request_id>/acceptance", answers=FriendRequestSchema, load=request_to_me_at)
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
    return allowed(User).where(User.id.in_(Relationship.friends_of(identity().user_id)))


@friends.deletes("/me/friends/<uuid:user_id>", load=friendship_at)
def end_friendship(friendship: Relationship) -> None:
    """End a friendship, for both of you."""
    friendship.delete_instance()


@friends.lists("/me/friend-suggestions", SuggestionSchema)
def list_suggestions() -> Any:
    """List the friends of your friends, those with the most mutual friends first."""
    return actions.suggestions(identity().user_id, allowed(User))


@friends.lists("/users/<uuid:user_id>/mutual-friends", UserSchema, under=user_at)
def list_mutual_friends(user_id: UUID) -> Any:
    """List the friends that you and another user have in common."""
    return (
        allowed(User)
        .where(User.id.in_(Relationship.friends_of(identity().user_id)))
        .where(User.id.in_(Relationship.friends_of(user_id)))
        .where(peewee.Value(user_id).not_in(Relationship.blocked_with(identity().user_id)))
    )


@friends.lists("/me/blocks", UserSchema)
def list_blocks() -> Any:
    """List the users that you block."""
    return User.select().where(User.id.in_(Relationship.blocked_by(identity().user_id)))


@friends.does("PUT", "/me/blocks/<uuid:user_id>")
def block_user(user_id: UUID) -> Relationship:
    """Block a user: you are hidden from each other, and friendship and requests between you end.

    What either of you has published stays public, with its author's name.
    """
    return actions.block(identity().user_id, user_id)


@friends.deletes("/me/blocks/<uuid:user_id>")
def unblock_user(user_id: UUID) -> None:
    """Take a block back, if there is one."""
    actions.unblock(identity().user_id, user_id)
