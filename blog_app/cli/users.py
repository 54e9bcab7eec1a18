"""`flask users`: create, list, suspend and activate users, without the API; also for the first admin."""

from __future__ import annotations

import sys

import click
import peewee
from flask.cli import AppGroup

from blog_app.accounts import lifecycle, roles
from blog_app.accounts.models import RoleGrant, User
from blog_app.accounts.passwords import hash_password, weakness
from blog_app.data import databases, email_addresses
from blog_app.errors import Problem, as_problem

users = AppGroup("users", help="Create, list and suspend users.")


@users.command()
@click.argument("email", required=False)
@click.option("--name", help="The public name.")
@click.option("--admin", is_flag=True, help="Grant the admin role.")
@click.option("--password", help="Better not given: other users of this machine can see command lines.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, and ask for nothing.")
def create(email: str | None, name: str | None, admin: bool, password: str | None, password_stdin: bool) -> None:
    """Create a user with the email address EMAIL. It asks for what is missing. No confirmation mail is sent."""
    if password_stdin:
        if email is None:
            raise click.UsageError("--password-stdin asks for nothing: give the EMAIL, too.")
        name, password = name or email.partition("@")[0], sys.stdin.readline().rstrip("\r\n")
    email = email or click.prompt("Email address")
    name = name or click.prompt("Name")
    if password is None:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    if problem := weakness(password, email, name):
        raise click.ClickException(f"the password is too weak: {problem}")
    if not 1 <= len(name.strip()) <= User.name.max_length:
        raise click.ClickException(f"the name must have 1 to {User.name.max_length} characters")
    address, password_hash = _address(email), hash_password(password)
    try:
        with databases.accounts.atomic():
            user = User.create_with_profile(address, name.strip(), password_hash)
            if admin:
                roles.grant(user.id, "admin", granted_by=None)
    except peewee.IntegrityError as error:
        raise click.ClickException(as_problem(error).detail) from None
    click.echo(f"created {address}{', an admin' if admin else ''}")


@users.command("list")
@click.option("--deleted", is_flag=True, help="List deleted users instead.")
def list_users(deleted: bool) -> None:
    """List users with their status and roles, oldest first."""
    granted: dict[object, list[str]] = {}
    for grant in RoleGrant.select(RoleGrant.user, RoleGrant.role).order_by(RoleGrant.role):
        granted.setdefault(grant.user_id, []).append(grant.role)
    for user in (User.only_deleted() if deleted else User.select()).order_by(User.id).iterator():
        click.echo("\t".join((user.email, user.status, ",".join(granted.get(user.id, ())) or "-", user.name)))


@users.command()
@click.argument("email")
def suspend(email: str) -> None:
    """Suspend the user with the email address EMAIL. Their sessions end."""
    _set_status(email, "suspended")


@users.command()
@click.argument("email")
def activate(email: str) -> None:
    """Reactivate the user with the email address EMAIL."""
    _set_status(email, "active")


def _set_status(email: str, status: str) -> None:
    address = _address(email)
    with databases.accounts.atomic():
        user = User.select().where(User.email == address).for_update().first()
        if user is None:
            raise click.ClickException(f"no user with the address {address}")
        try:
            lifecycle.set_status(user, status)
        except Problem as problem:
            raise click.ClickException(problem.detail) from None
    click.echo(f"{address} is {status}")


def _address(email: str) -> str:
    try:
        return email_addresses.normalize(email)
    except email_addresses.BadAddress as error:
        raise click.ClickException(str(error)) from None
