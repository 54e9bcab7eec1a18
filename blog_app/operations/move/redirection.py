"""Redirecting the app's processes to the other server, at the moment in which both servers hold the same.

One PgBouncer in front redirects all of them together. Where each process has the address in its environment, a command
or a person changes it and the processes restart; until the last one has, processes with the old address read frozen
rows, and then nothing.
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
from blog_app.operations.move.endpoint import DRAIN_TIMEOUT, POLL_INTERVAL

POOL_SIZE = re.compile(r"^default_pool_size = (\d+)$", re.M)
CONSOLE = "pgbouncer"
"""The name of PgBouncer's admin console, as a database."""
CONSOLE_TIMEOUT = 5.0
"""Seconds for one command of PgBouncer: writes are refused meanwhile."""


class Redirection(Protocol):
    """A way to redirect the processes. A run that continues a killed one may repeat the same call."""

    def check(self, settings: Settings, name: str, url: str) -> None:
        """Raise `MoveError` if processes cannot be redirected to `url`; change nothing."""

    def redirect(self, settings: Settings, name: str, url: str) -> None:
        """Return when new transactions of all processes go to `url`; raise `MoveError` if that fails."""


def variables(settings: Settings, name: str, url: str) -> dict[str, str]:
    """Return the environment variables of a logical database that is at `url`, without a pooler."""
    found = {f"{name.upper()}_DIRECT_URL": url}
    if settings.databases[name].url == settings.databases[name].direct_url:
        found[f"{name.upper()}_DATABASE_URL"] = url
    return found


def settings_with_address(settings: Settings, name: str, url: str) -> Settings:
    """Return the settings of an app whose logical database `name` is at `url`, behind the same pooler if any."""
    before = settings.databases[name]
    after = replace(before, direct_url=url, url=url if before.url == before.direct_url else before.url)
    return replace(settings, databases={**settings.databases, name: after})


class PgBouncerRedirection:
    """Rewrites the files of `flask pgbouncer` and lets PgBouncer reload them."""

    def __init__(self, folder: Path, admin_password: str) -> None:
        self.folder = folder
        self.password = admin_password

    def check(self, settings: Settings, name: str, url: str) -> None:
        database = settings.databases[name]
        if database.url == database.direct_url:
            raise MoveError(f"{name.upper()}_DATABASE_URL does not lead to PgBouncer, so --pgbouncer has no effect")
        if not self.password:
            raise MoveError(f"{pooler.ADMIN_PASSWORD} is not set, so PgBouncer cannot be told to reload")
        for endpoint in (settings, settings_with_address(settings, name, url)):
            self._files(endpoint)
        self._entry_row(settings, name)
        rows = self._run_command(settings, name, "SHOW DATABASES")
        if plain := [row["name"] for row in rows if not row["force_user"] and row["name"] != CONSOLE]:
            raise MoveError(
                f"PgBouncer was started with entries without a login ({', '.join(plain)}), and cannot add one while it "
                "runs: write its files by flask pgbouncer, and restart it once"
            )

    def redirect(self, settings: Settings, name: str, url: str) -> None:
        there = settings_with_address(settings, name, url)
        pooler.write(self.folder, self._files(there))
        self._run_command(settings, name, "RELOAD")
        if not self._leads_to(self._entry_row(settings, name), url):
            raise MoveError(f"PgBouncer does not read its files from {self.folder}: {name} still leads elsewhere")
        deadline = time.monotonic() + DRAIN_TIMEOUT
        while self._is_draining(settings, name) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    def _files(self, settings: Settings) -> dict[str, str]:
        """Return PgBouncer's files; the pool size stays as it is in the folder."""
        try:
            size = POOL_SIZE.search((self.folder / pooler.PAIR[0]).read_text(encoding="utf-8"))
            files = pooler.files(
                settings, pool_size=int(size[1]) if size else pooler.POOL_SIZE, admin_password=self.password
            )
        except OSError as error:
            raise MoveError(
                f"{self.folder} has no PgBouncer files ({error.strerror}): write them by flask pgbouncer"
            ) from error
        except ConfigurationError as error:
            raise MoveError(f"PgBouncer cannot serve this address: {error}") from error
        return {file: files[file] for file in pooler.PAIR}

    def _is_draining(self, settings: Settings, name: str) -> bool:
        """Return whether a transaction still runs on the server that PgBouncer used before."""
        servers = [
            row
            for row in self._run_command(settings, name, "SHOW SERVERS")
            if row["database"] == _entry(settings, name)
        ]
        return any(row["close_needed"] and row["state"] == "active" for row in servers)

    def _entry_row(self, settings: Settings, name: str) -> dict[str, Any]:
        entry = _entry(settings, name)
        for row in self._run_command(settings, name, "SHOW DATABASES"):
            if row["name"] == entry:
                return row
        raise MoveError(f"PgBouncer has no entry {entry!r}, which {name.upper()}_DATABASE_URL names")

    def _leads_to(self, row: dict[str, Any], url: str) -> bool:
        parts = parse_dsn(url)
        found = (row["host"], str(row["port"]), row["database"])
        return found == (parts.get("host"), parts.get("port", "5432"), parts["dbname"])

    def _run_command(self, settings: Settings, name: str, command: str) -> list[dict[str, Any]]:
        parts = parse_dsn(settings.databases[name].url)
        parts |= {"dbname": CONSOLE, "user": "pgbouncer_admin", "password": self.password}
        deadline = time.monotonic() + CONSOLE_TIMEOUT
        try:
            with closing(psycopg2.connect(**parts, async_=True)) as connection:
                poll_until_done(connection, deadline)
                with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                    cursor.execute(command)
                    poll_until_done(connection, deadline)
                    return [dict(row) for row in cursor.fetchall()] if cursor.description else []
        except psycopg2.Error as error:
            raise MoveError(f"PgBouncer rejects {command}: {first_line(error)}") from error
        except TimeoutError as error:
            raise MoveError(
                f"PgBouncer at {parts['host']}:{parts['port']} does not answer {command} within {CONSOLE_TIMEOUT:g} s"
            ) from error


def _entry(settings: Settings, name: str) -> str:
    """Return the name of a logical database's entry in pgbouncer.ini."""
    return str(parse_dsn(settings.databases[name].url)["dbname"])


class CommandRedirection:
    """Runs the command of --then, with the new address in its environment."""

    def __init__(self, command: str) -> None:
        self.command = command

    def check(self, settings: Settings, name: str, url: str) -> None:
        """Do nothing: a command cannot be tried."""

    def redirect(self, settings: Settings, name: str, url: str) -> None:
        environment = os.environ | variables(settings, name, url)
        ended = subprocess.run(self.command, shell=True, env=environment, check=False)  # noqa: S602 - the caller's own command
        if ended.returncode:
            raise MoveError(f"the command failed with status {ended.returncode}: {self.command}")


class ManualRedirection:
    """Asks the person at the terminal to redirect the processes: to the target, and back if the switch is cancelled."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.asked = False

    def check(self, settings: Settings, name: str, url: str) -> None:
        """Do nothing: a person cannot be tried."""

    def redirect(self, settings: Settings, name: str, url: str) -> None:
        self.say(
            f"\n{name} is the same on both servers: both serve reads and refuse writes. Restart all processes with"
        )
        for variable, value in variables(settings, name, url).items():
            self.say(f"  {variable}={shlex.quote(value)}")
        if settings.databases[name].url != settings.databases[name].direct_url:
            self.say("and reconfigure PgBouncer: run flask pgbouncer with these variables, then RELOAD")
        hint = "writes are refused until then" if self.asked else "Ctrl-C cancels"
        self.asked = True
        click.prompt(f"and press Enter when all of them run with it ({hint})", default="", show_default=False)
