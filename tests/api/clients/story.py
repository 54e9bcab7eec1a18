"""What a script does with the generated package; mypy checks it, and it runs with the URL of a server."""

from __future__ import annotations

import json
import sys
from typing import TypeVar
from uuid import UUID

from blog_client import AuthenticatedClient, Client
from blog_client.api.comments import create_comment_on_post
from blog_client.api.orders import create_order, show_order
from blog_client.api.posts import create_post, list_posts
from blog_client.api.tokens import create_token
from blog_client.models import (
    Checkout,
    CommentInput,
    Credentials,
    NewArticleInput,
    NewArticleInputKind,
    NewArticleInputStatus,
    Problem,
    Wish,
)
from blog_client.models.show_order_include_item import ShowOrderIncludeItem

T = TypeVar("T")


def found(answer: T | Problem | None) -> T:
    assert answer is not None
    assert not isinstance(answer, Problem), answer.detail
    return answer


def main(url: str, email: str, password: str, product_id: str) -> None:
    signed_in = found(create_token.sync(client=Client(base_url=url), body=Credentials(email, password)))
    client = AuthenticatedClient(base_url=url, token=signed_in.token)

    body = NewArticleInput(
        kind=NewArticleInputKind.ARTICLE,
        title="A kettle that sings",
        content="*Tea*",
        status=NewArticleInputStatus.PUBLISHED,
    )
    post = found(create_post.sync(client=client, body=body))
    slugs: list[str] = [each.slug for each in found(list_posts.sync(client=client, limit=5)).data]
    assert post.slug in slugs

    wishes = Checkout(items=[Wish(product_id=UUID(product_id), quantity=2)])
    placed = found(create_order.sync(client=client, body=wishes))
    order = found(show_order.sync(placed.id, client=client, include=[ShowOrderIncludeItem.ITEMS]))
    quantities: list[int] = [item.quantity for item in order.items or []]
    comment = found(create_comment_on_post.sync(post.slug, client=client, body=CommentInput(content="Mine too")))
    content: str | None = comment.content

    problem = show_order.sync(UUID("00000000-0000-7000-8000-000000000000"), client=client)
    assert isinstance(problem, Problem)
    sys.stdout.write(json.dumps([post.slug, order.status.value, order.total, quantities, content, problem.status]))


main(*sys.argv[1:])
