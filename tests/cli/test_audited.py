"""Every command that changes something is in the audit trail, once, with whom the operating system runs it for."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator

import click
import pytest
from click.testing import Result
from flask import Flask

from blog_app.accounts.models import User
from blog_app.background import audit
from blog_app.background.outbox import tables
from blog_app.cli import MODULES, Commands
from blog_app.cli.audited import UNAUDITED_COMMANDS
from blog_app.data import databases
from tests.helpers import audit_entries
from tests.helpers.caller import PASSWORD

ME = pwd.getpwuid(os.geteuid()).pw_name


def run(app: Flask, command: str, *, answers: str = "", status: int = 0) -> Result:
    result = app.test_cli_runner().invoke(args=command.split(), input=answers)
    assert result.exit_code == status, result.output
    return result


def names(command: click.Command, parents: str = "flask") -> Iterator[str]:
    name = f"{parents} {command.name}"
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from names(each, name)
    else:
        yield name


def test_every_unaudited_command_exists() -> None:
    commands = Commands()
    context = click.Context(commands)
    every = {name for each in MODULES for name in names(commands.get_command(context, each))}
    assert every >= UNAUDITED_COMMANDS


def test_a_command_that_changes_a_record_is_recorded_with_it(app: Flask) -> None:
    run(app, "users create ada@example.com --name Ada --admin", answers=f"{PASSWORD}\n{PASSWORD}\n")
    (entry,) = audit_entries.pending()
    user = User.get()
    assert (entry["action"], entry["actor_type"], entry["actor_name"]) == ("flask users create", "command", ME)
    assert (entry["actor_id"], entry["subject_type"], entry["subject_id"]) == (None, "accounts.users", str(user.id))
    assert entry["database"] == "accounts"
    assert entry["changes"]["email"] == {"redacted": True}


def test_a_command_that_is_refused_is_not_recorded(app: Flask) -> None:
    run(app, "users create ada@example.com --name Ada", answers="short\nshort\n", status=1)
    run(app, "users suspend nobody@example.com", status=1)
    assert audit_entries.pending() == []


def test_the_user_is_the_operating_systems_whatever_the_environment_says(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    run(app, "outbox purge")
    assert [entry["actor_name"] for entry in audit_entries.pending()] == [ME]


@pytest.mark.parametrize(
    "command",
    [
        "seed load --force",
        "seed fake --users 30 --posts 40 --force",
        "outbox retry --all",
        "outbox purge",
        "migrate up",
    ],
)
def test_a_command_is_recorded_once_however_much_it_writes(app: Flask, command: str) -> None:
    run(app, command)
    recorded = [entry["action"] for entry in audit_entries.pending()]
    assert recorded == ["flask " + " ".join(command.split()[:2])]


def test_reading_is_not_recorded(app: Flask) -> None:
    for command in ("users list", "outbox status", "outbox list", "migrate status", "migrate plan"):
        run(app, command)
    assert audit_entries.pending() == []


def test_what_a_command_committed_on_connections_of_its_own_is_recorded_also_when_it_fails(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    with (
        pytest.raises(RuntimeError),
        audit.AuditedAction("flask migrate up", audit.command_actor()),
        contextlib.closing(databases.server(settings, "shop", settings.databases["shop"].direct_url)) as server,
    ):
        with server.atomic():
            pass
        raise RuntimeError("in the middle")
    assert [entry["action"] for entry in audit_entries.pending()] == ["flask migrate up"]


def test_where_an_outbox_is_unreachable_another_records(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(
            tables.INSERT_DELIVERY, "analytics", tables.INSERT_DELIVERY["analytics"].replace("analytics", "elsewhere")
        )
        run(app, "outbox purge --database shop")
    assert [(entry["action"], entry["database"]) for entry in audit_entries.pending()] == [
        ("flask outbox purge", "accounts")
    ]
