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
from dataclasses import dataclass, field, replace
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
from blog_app.operations.move import MoveError
from blog_app.operations.move.fence import DRAIN_TIMEOUT, POLL_INTERVAL

POOL_SIZE = re.compile(r"^default_pool_size = (\d+)$", re.M)
CONSOLE = "pgbouncer"
"""The name of PgBouncer's admin console, as a database."""
CONSOLE_TIMEOUT = 5.0
"""Seconds for one command of PgBouncer: writes are refused meanwhile."""


class Redirection(Protocol):
    """A way to redirect the processes. A run that continues a killed one may repeat the same call."""

    def check(self, url: str) -> None:
        """Raise `MoveError` if processes cannot be redirected to `url`; change nothing."""
        return  # What a command or a person does cannot be tried.

    def redirect(self, url: str) -> None:
        """Return when new transactions of all processes go to `url`; raise `MoveError` if that fails."""


def variables(settings: Settings, name: str, url: str) -> dict[str, str]:
    """Return the environment variables of a logical database that is at `url`, without a pooler."""
    found = {f"{name.upper()}_DIRECT_URL": url}
    if settings.databases[name].url == settings.databases[name].direct_url:
        found[f"{name.upper()}_DATABASE_URL"] = url
    return found


@dataclass
class PgBouncerRedirection(Redirection):
    """Rewrites the files of `flask pgbouncer` and lets PgBouncer reload them."""

    settings: Settings
    name: str
    folder: Path
    password: str = field(repr=False)
    """Of PgBouncer's administrator."""

    def check(self, url: str) -> None:
        database, variable = self.settings.databases[self.name], f"{self.name.upper()}_DATABASE_URL"
        if database.url == database.direct_url:
            raise MoveError(f"{variable} does not lead to PgBouncer, so --pgbouncer has no effect")
        if not self.password:
            raise MoveError(f"{pooler.ADMIN_PASSWORD} is not set, so PgBouncer cannot be told to reload")
        for address in (database.direct_url, url):
            self._files(address)
        rows = self._run_command("SHOW DATABASES")
        if self._entry not in (row["name"] for row in rows):
            raise MoveError(f"PgBouncer has no entry {self._entry!r}, which {variable} names")
        if plain := [row["name"] for row in rows if not row["force_user"] and row["name"] != CONSOLE]:
            raise MoveError(
                f"PgBouncer was started with entries without a login ({', '.join(plain)}), and cannot add one while it "
                "runs: write its files by flask pgbouncer, and restart it once"
            )

    def redirect(self, url: str) -> None:
        pooler.write(self.folder, self._files(url))
        self._run_command("RELOAD")
        parts = parse_dsn(url)
        wanted = (self._entry, parts.get("host"), parts.get("port", "5432"), parts["dbname"])
        rows = self._run_command("SHOW DATABASES")
        if wanted not in [(row["name"], row["host"], str(row["port"]), row["database"]) for row in rows]:
            raise MoveError(f"PgBouncer does not read its files from {self.folder}: {self.name} still leads elsewhere")
        deadline = time.monotonic() + DRAIN_TIMEOUT
        while self._is_draining() and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    @property
    def _entry(self) -> str:
        """The name of the logical database's entry in pgbouncer.ini."""
        return str(parse_dsn(self.settings.databases[self.name].url)["dbname"])

    def _files(self, url: str) -> dict[str, str]:
        """Return PgBouncer's files for this database at `url`; the pool size stays as it is in the folder."""
        databases = self.settings.databases
        settings = replace(
            self.settings, databases={**databases, self.name: replace(databases[self.name], direct_url=url)}
        )
        try:
            size = POOL_SIZE.search((self.folder / pooler.PAIR[0]).read_text(encoding="utf-8"))
            pool_size = int(size[1]) if size else pooler.POOL_SIZE
            files = pooler.files(settings, pool_size=pool_size, admin_password=self.password)
        except OSError as error:
            raise MoveError(
                f"{self.folder} has no PgBouncer files ({error.strerror}): write them by flask pgbouncer"
            ) from error
        except ConfigurationError as error:
            raise MoveError(f"PgBouncer cannot serve this address: {error}") from error
        return {file: files[file] for file in pooler.PAIR}

    def _is_draining(self) -> bool:
        """Return whether a transaction still runs on the server that PgBouncer used before."""
        rows = self._run_command("SHOW SERVERS")
        return any(row["database"] == self._entry and row["close_needed"] and row["state"] == "active" for row in rows)

    def _run_command(self, command: str) -> list[dict[str, Any]]:
        parts = parse_dsn(self.settings.databases[self.name].url)
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


@dataclass
class CommandRedirection(Redirection):
    """Runs the command of --then, with the new address in its environment."""

    settings: Settings
    name: str
    command: str

    def redirect(self, url: str) -> None:
        environment = os.environ | variables(self.settings, self.name, url)
        ended = subprocess.run(self.command, shell=True, env=environment, check=False)  # noqa: S602 - the operator's own command
        if ended.returncode:
            raise MoveError(f"the command failed with status {ended.returncode}: {self.command}")


@dataclass
class ManualRedirection(Redirection):
    """Asks the person at the terminal to redirect the processes: to the target, and back if the switch is cancelled."""

    settings: Settings
    name: str
    hint: str = "Ctrl-C cancels"

    def redirect(self, url: str) -> None:
        name, database = self.name, self.settings.databases[self.name]
        click.echo(
            f"\n{name} is the same on both servers: both serve reads and refuse writes. Restart all processes with"
        )
        for variable, value in variables(self.settings, name, url).items():
            click.echo(f"  {variable}={shlex.quote(value)}")
        if database.url != database.direct_url:
            click.echo("and reconfigure PgBouncer: run flask pgbouncer with these variables, then RELOAD")
        hint, self.hint = self.hint, "writes are refused until then"
        click.prompt(f"and press Enter when all of them run with it ({hint})", default="", show_default=False)
