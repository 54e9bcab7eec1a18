"""How to make one object of each kind that a path can name, for tests that go through every endpoint.

A maker returns the value of its path's last parameter. It may take `owner`, the id of the user whose object it shall
be; `public`, whether everybody may see it (a kind without it is always public, or never: PRIVATE); and the values of
the path's other parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from itertools import count
from typing import Any
from uuid import UUID

import peewee
from flask import Flask
from uuid_utils.compat import uuid7

from blog_app.accounts import friends, roles, tokens
from blog_app.accounts.models import RoleGrant, User
from blog_app.accounts.passwords import hash_password
from blog_app.api.openapi.parameters import PATH_PARAMETER
from blog_app.api.operation import Operation
from blog_app.api.requests.uploads import Upload
from blog_app.blog import posts
from blog_app.blog.models import Category, Comment, Image, Post, Revision, Tag
from blog_app.data.models import Base, now
from blog_app.files.contents import store
from blog_app.files.tree import add_file
from blog_app.shop import products
from blog_app.shop.models import Address, Order, ProductCategory

Maker = Callable[..., Any]
_numbers = count(1)


def category() -> UUID:
    number = next(_numbers)
    return Category.create(name=f"Category {number}", slug=f"category-{number}").id


def tag() -> UUID:
    number = next(_numbers)
    return Tag.create(name=f"Tag {number}", slug=f"tag-{number}").id


def post(owner: UUID, public: bool) -> UUID:
    written = posts.create(owner, [], title=f"Post {next(_numbers)}", content="Boil water.")
    return (posts.publish(written, None) if public else written).id


def revision(key: UUID) -> UUID:
    post = Post.get_by_id(key)
    title = f"{post.title}, again"
    posts.change(post, post.author_id, kind=post.kind, title=title, content=post.content, tags=[], slug=None)
    return Revision.get(post=key).id


def image(owner: UUID, public: bool) -> UUID:
    return Image.create(post=post(owner, public), url="https://images.example.com/kettle.jpg").id


def comment(owner: UUID, public: bool) -> UUID:
    status = "approved" if public else "pending"
    written = Comment(subject_type="post", subject_id=post(owner, True), author_id=owner, content="Ah!", status=status)
    written.derive()
    written.save(force_insert=True)
    return written.id


def token(owner: UUID) -> UUID:
    return tokens.issue(User.get_by_id(owner))["id"]


def user(owner: UUID) -> UUID:
    return owner


def author(owner: UUID) -> UUID:
    roles.grant(owner, "author", granted_by=None)
    return owner


def role(user_id: UUID) -> str:
    RoleGrant.insert(user=user_id, role="vendor").on_conflict_ignore().execute()
    return "vendor"


def product_category() -> UUID:
    number = next(_numbers)
    return ProductCategory.create(name=f"Category {number}", slug=f"category-{number}").id


def product(owner: UUID, public: bool) -> UUID:
    return products.create(
        owner, type="physical", name=f"Product {next(_numbers)}", price=20, stock=1, active=public
    ).id


def shipping_address(owner: UUID) -> UUID:
    return Address.create(user_id=owner, name="Ada", street_address="1 Main Street", city="Bonn", country_code="DE").id


def order(owner: UUID) -> UUID:
    return Order.create(user_id=owner, total=0).id


def file(owner: UUID) -> UUID:
    upload = Upload(max_bytes=1_000)
    upload.write(b"Boil water.")
    with upload.file:
        return add_file(owner, store(upload), f"File {next(_numbers)}.txt", None).id


def befriended(owner: UUID) -> UUID:
    asked = friends.send_request(
        User.create_with_profile(f"friend{next(_numbers)}@example.com", "A friend", "-").id, UUID(str(owner))
    )
    friends.accept(asked)
    return asked.requester_id


def friend_request(owner: UUID) -> UUID:
    return friends.send_request(
        User.create_with_profile(f"friend{next(_numbers)}@example.com", "A friend", "-").id, UUID(str(owner))
    ).id


def somebody() -> UUID:
    return User.create_with_profile(f"friend{next(_numbers)}@example.com", "Somebody", "-").id


def viewed_post() -> UUID:
    return uuid7()


def row(model: type[Base]) -> UUID:
    """Create a row of a model by the maker of its name, or else with a value for each field that needs one."""
    for maker in MAKERS.values():
        if getattr(maker, "__name__", "") == peewee.make_snake_case(model.__name__):
            offered = {"owner": somebody(), "public": True}
            return maker(**{name: offered[name] for name in signature(maker).parameters})
    needed = (field for field in model._meta.sorted_fields if not field.null and field.default is None)
    return model.create(**{field.name: value_of(field) for field in needed}).id


def value_of(field: peewee.Field) -> Any:
    """Return a value for a field that no other row has."""
    match field:
        case peewee.ForeignKeyField():
            return row(field.rel_model)
        case peewee.UUIDField():
            return uuid7()
        case peewee.DateTimeField():
            return now()
        case peewee.CharField() | peewee.TextField():
            return f"Text {next(_numbers)}"
        case _:
            return next(_numbers)


MAKERS: Mapping[str, Maker] = {
    "/analytics/posts/{post_id}": viewed_post,
    "/addresses/{address_id}": shipping_address,
    "/authors/{key}": author,
    "/categories/{key}": category,
    "/comments/{comment_id}": comment,
    "/customers/{user_id}": user,
    "/files/{node_id}": file,
    "/images/{image_id}": image,
    "/orders/{order_id}": order,
    "/posts/{key}": post,
    "/posts/{key}/revisions/{revision_id}": revision,
    "/product-categories/{key}": product_category,
    "/products/{key}": product,
    "/tags/{key}": tag,
    "/tokens/{token_id}": token,
    "/friend-requests/{request_id}": friend_request,
    "/me/blocks/{user_id}": somebody,
    "/me/friends/{user_id}": befriended,
    "/users/{user_id}": user,
    "/users/{user_id}/roles/{role}": role,
}


PRIVATE = {"addresses", "files", "friend-requests", "friends", "orders", "revisions", "tokens"}
"""Parts of paths whose objects are never public."""


def example_user() -> None:
    if not User.by_email("ada@example.com"):
        User.create(email="ada@example.com", name="Ada", password_hash=hash_password("Correct-Horse-1"))


PREPARATIONS: Mapping[str, Callable[[], None]] = {"POST /tokens": example_user}
"""What must be there before the example in an operation's documentation works."""


def path_of(operation: Operation) -> str:
    """Return the path of an operation as OpenAPI writes it, without the prefix of its blueprint."""
    return PATH_PARAMETER.sub(r"{\2}", operation.path)


def makers_of(path: str) -> list[tuple[str, Maker]]:
    """Return the parameters of a path in their order, each with its maker."""
    found, prefix = [], ""
    for part in path.strip("/").split("/"):
        prefix += f"/{part}"
        if part.startswith("{"):
            assert prefix in MAKERS, f"say in {__name__}.MAKERS how to make a {prefix}"
            found.append((part.strip("{}"), MAKERS[prefix]))
    return found


def have_owners(path: str) -> bool:
    """Return whether what a path names belongs to somebody."""
    return any("owner" in signature(maker).parameters for _, maker in makers_of(path))


def visibilities(path: str) -> set[bool]:
    """Return whether what a path names can be public (True) and hidden (False)."""
    if "{" in path and PRIVATE.intersection(path.split("/")):
        return {False}
    if any("public" in signature(maker).parameters for _, maker in makers_of(path)):
        return {True, False}
    return {True}


def url(
    app: Flask,
    path: str,
    *,
    owner: UUID | str | None,
    public: bool = True,
    given: Mapping[str, Any] | None = None,
) -> str:
    """Make what a path such as `/posts/{key}` names, but for what is given, and return the path with its values."""
    values = dict(given or {})
    with app.app_context():
        for name, maker in makers_of(path):
            if name not in values:
                offered = {"owner": owner, "public": public, **values}
                wanted = {key: offered[key] for key in signature(maker).parameters}
                values[name] = maker(**wanted)
    return path.format(**values)


def values_in(path: str, url: str) -> dict[str, str]:
    """Return the values that a URL has for the parameters of its path."""
    pairs = zip(path.split("/"), url.split("/"), strict=True)
    return {name.strip("{}"): value for name, value in pairs if name.startswith("{")}


def body_of(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    """Return a small body that an operation takes, by its schema; None if it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    return sample(document, next(iter(content.values()))["schema"]) if content else None


def sample(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return a small value that fits a schema: its example, or the required parts of it."""
    if "$ref" in schema:
        return sample(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for choice in schema.get("anyOf", schema.get("oneOf", [])):
        return sample(document, choice)
    for key in ("example", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"][0] if isinstance(schema.get("type"), list) else schema.get("type")
    match kind:
        case "object":
            return {name: sample(document, schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return [sample(document, schema["items"])] * schema.get("minItems", 0)
        case "string":
            known = {"date-time": "2030-01-01T00:00:00Z", "uuid": str(UUID(int=0)), "url": "https://example.com/"}
            return known.get(schema.get("format", ""), "Aa1" + "x" * schema.get("minLength", 1))
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case _:
            return None


def fields_of(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the names of the fields that a body may have."""
    if "$ref" in schema:
        return fields_of(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices:
        return list(dict.fromkeys(name for choice in choices for name in fields_of(document, choice)))
    return list(schema.get("properties", {}))
