"""How the processes of the app learn where a logical database is: in the instant in which both places hold the same.

PgBouncer in front leads all of them over at once. Where each process has the address in its environment, a command or a
person changes that, and the processes start anew; until the last of them has, those with the old address read what is
frozen, and then nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import click
import psycopg2
import psycopg2.extras
from psycopg2.extensions import parse_dsn

from blog_app.config import ConfigurationError, Settings
from blog_app.data.databases import first_line
from blog_app.data.databases.polling import poll_until_done
from blog_app.operations import pgbouncer as pooler
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError
from blog_app.operations.move.places import DEPARTURE_SECONDS, POLL

POOL_SIZE = re.compile(r"^default_pool_size = (\d+)$", re.M)
CONSOLE = "pgbouncer"
"""The database under whose name PgBouncer takes commands."""
CONSOLE_SECONDS = 5.0
"""How long PgBouncer may take over one answer: writes are refused while it does."""


class Rerouting(Protocol):
    """A way to lead the processes elsewhere. It may be told the same again, after a run that was killed."""

    def check(self, settings: Settings, name: str, url: str) -> None:
        """Raise `MoveError` if this could not lead to `url`; nothing happens yet."""

    def lead(self, settings: Settings, name: str, url: str) -> None:
        """Return when new transactions of all processes go to `url`; raise `MoveError`."""


def variables(settings: Settings, name: str, url: str) -> dict[str, str]:
    """Return what the environment must say for a logical database that is at `url`, without a pooler."""
    found = {f"{name.upper()}_DIRECT_URL": url}
    if settings.databases[name].url == settings.databases[name].direct_url:
        found[f"{name.upper()}_DATABASE_URL"] = url
    return found


def settings_at(settings: Settings, name: str, url: str) -> Settings:
    """Return the settings of an app whose logical database `name` is at `url`, behind the same pooler if any."""
    before = settings.databases[name]
    after = replace(before, direct_url=url, url=url if before.url == before.direct_url else before.url)
    return replace(settings, databases={**settings.databases, name: after})


class ByPgBouncer:
    """Writes the files of `flask pgbouncer` anew and lets the PgBouncer that reads them know."""

    def __init__(self, folder: Path, admin_password: str) -> None:
        self.folder = folder
        self.password = admin_password

    def check(self, settings: Settings, name: str, url: str) -> None:
        database = settings.databases[name]
        if database.url == database.direct_url:
            raise MoveError(f"{name.upper()}_DATABASE_URL leads past PgBouncer: without it --pgbouncer has no effect")
        if not self.password:
            raise MoveError(f"{pooler.ADMIN_PASSWORD} is not set, so nobody can tell PgBouncer to read its files again")
        for place in (settings, settings_at(settings, name, url)):
            self._files(place)
        self._shown(settings, name)
        rows = self._ask(settings, name, "SHOW DATABASES")
        if plain := [row["name"] for row in rows if not row["force_user"] and row["name"] != CONSOLE]:
            raise MoveError(
                f"PgBouncer was started with lines that have no login ({', '.join(plain)}), and cannot learn one while "
                "it runs: write its files by flask pgbouncer, and restart it once"
            )

    def lead(self, settings: Settings, name: str, url: str) -> None:
        there = settings_at(settings, name, url)
        pooler.write(self.folder, self._files(there))
        self._ask(settings, name, "RELOAD")
        if not self._leads_to(self._shown(settings, name), url):
            raise MoveError(f"PgBouncer does not take its files from {self.folder}: it still leads {name} elsewhere")
        deadline = time.monotonic() + DEPARTURE_SECONDS
        while self._leaving(settings, name) and time.monotonic() < deadline:
            time.sleep(POLL)

    def _files(self, settings: Settings) -> dict[str, str]:
        """Return PgBouncer's files, with the pool size that they have."""
        try:
            size = POOL_SIZE.search((self.folder / pooler.PAIR[0]).read_text(encoding="utf-8"))
            files = pooler.files(
                settings, pool_size=int(size[1]) if size else pooler.POOL_SIZE, admin_password=self.password
            )
        except OSError as error:
            raise MoveError(f"{self.folder} has no files of PgBouncer ({error.strerror}): flask pgbouncer") from error
        except ConfigurationError as error:
            raise MoveError(f"PgBouncer cannot lead there: {error}") from error
        return {file: files[file] for file in pooler.PAIR}

    def _leaving(self, settings: Settings, name: str) -> bool:
        """Tell whether a transaction goes on at the place to which PgBouncer led before."""
        servers = [
            row for row in self._ask(settings, name, "SHOW SERVERS") if row["database"] == _entry(settings, name)
        ]
        return any(row["close_needed"] and row["state"] == "active" for row in servers)

    def _shown(self, settings: Settings, name: str) -> dict[str, Any]:
        entry = _entry(settings, name)
        for row in self._ask(settings, name, "SHOW DATABASES"):
            if row["name"] == entry:
                return row
        raise MoveError(f"PgBouncer has no entry {entry!r}, which {name.upper()}_DATABASE_URL asks for")

    def _leads_to(self, row: dict[str, Any], url: str) -> bool:
        parts = parse_dsn(url)
        found = (row["host"], str(row["port"]), row["database"])
        return found == (parts.get("host"), parts.get("port", "5432"), parts["dbname"])

    def _ask(self, settings: Settings, name: str, command: str) -> list[dict[str, Any]]:
        parts = parse_dsn(settings.databases[name].url)
        parts |= {"dbname": CONSOLE, "user": "pgbouncer_admin", "password": self.password}
        deadline = time.monotonic() + CONSOLE_SECONDS
        try:
            with closing(psycopg2.connect(**parts, async_=True)) as connection:
                poll_until_done(connection, deadline)
                with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                    cursor.execute(command)
                    poll_until_done(connection, deadline)
                    return [dict(row) for row in cursor.fetchall()] if cursor.description else []
        except psycopg2.Error as error:
            raise MoveError(f"PgBouncer does not do {command}: {first_line(error)}") from error
        except TimeoutError as error:
            raise MoveError(
                f"PgBouncer at {parts['host']}:{parts['port']} does not answer {command} within {CONSOLE_SECONDS:g} s"
            ) from error


def _entry(settings: Settings, name: str) -> str:
    """Return the name of a logical database's line in PgBouncer's file."""
    return str(parse_dsn(settings.databases[name].url)["dbname"])


class ByCommand:
    """Runs a command of the person's, whose environment says the new address."""

    def __init__(self, command: str) -> None:
        self.command = command

    def check(self, settings: Settings, name: str, url: str) -> None:
        """A command cannot be tried."""

    def lead(self, settings: Settings, name: str, url: str) -> None:
        environment = os.environ | variables(settings, name, url)
        ended = subprocess.run(self.command, shell=True, env=environment, check=False)  # noqa: S602 - it is their own
        if ended.returncode:
            raise MoveError(f"the command failed with status {ended.returncode}: {self.command}")


class ByPerson:
    """Asks the person at the terminal: first to lead the processes there, then, if that is broken off, back."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.asked = False

    def check(self, settings: Settings, name: str, url: str) -> None:
        """A person cannot be tried."""

    def lead(self, settings: Settings, name: str, url: str) -> None:
        self.say(
            f"\n{name} is the same at both places: both answer reads, both refuse writes. Let all processes start with"
        )
        for variable, value in variables(settings, name, url).items():
            self.say(f"  {variable}={shlex.quote(value)}")
        if settings.databases[name].url != settings.databases[name].direct_url:
            self.say("and let PgBouncer lead there: flask pgbouncer with these variables, then RELOAD")
        otherwise = "until then nobody can write" if self.asked else "Ctrl-C: not now"
        self.asked = True
        click.prompt(f"and press Enter when all of them have ({otherwise})", default="", show_default=False)
