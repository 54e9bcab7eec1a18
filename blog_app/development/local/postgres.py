"""A private PostgreSQL server, and replicas that stream from it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from blog_app.development.local.group import Command, Group, StartError
from blog_app.development.local.process import Process
from blog_app.operations.deploy import programs as client_programs

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    # `flask databases move` copies by logical replication.
    "wal_level": "logical",
}
# For data that may be lost in a crash; commits stay synchronous for clients, as in production.
THROWAWAY = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Process):
    """One PostgreSQL server in a folder of its own. The superuser `postgres` has a random password."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # A fast shutdown: clients are disconnected, nothing is lost.

    def __init__(self, group: Group, programs: Path, folder: Path, port: int, *, durable: bool = False) -> None:
        super().__init__(group, folder, port)
        self.programs = programs
        self.durable = durable
        self.data = folder / "data"
        self._password_file = folder / "superuser"
        self._killed = False

    def create(self) -> None:
        """Create an empty cluster, if there is none yet."""
        if self.data.exists():
            return
        self._write_password(secrets.token_urlsafe(24))
        # The collation is PostgreSQL's own, so the order of texts is the same on every machine.
        options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        options += [f"--pwfile={self._password_file}"]
        if self._version >= 17:
            options.append("--locale-provider=builtin")
        with self._new_data() as data:
            self.group.run([self.programs / "initdb", *options, f"--pgdata={data}"], self.folder, self.log)

    def follow(self, primary: Postgres) -> None:
        """Make this a new replica of `primary`: an old one may have missed too much to catch up."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._write_password(primary.password)
        options = ["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"]
        options += ["--host=127.0.0.1", f"--port={primary.port}", "--username=postgres"]
        with self._new_data() as data:
            command: Command = [self.programs / "pg_basebackup", *options, f"--pgdata={data}"]
            self.group.run(command, self.folder, self.log, PGPASSWORD=primary.password)

    def command(self) -> Command:
        values = SETTINGS | ({} if self.durable else THROWAWAY) | {"port": str(self.port)}
        options = [word for key, value in values.items() for word in ("-c", f"{key}={value}")]
        return [self.programs / "postgres", "-D", self.data, *options]

    def start(self) -> None:
        """Start the server, also over what a crash left behind."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return super().start()
            except StartError:
                # The children of a killed server end a moment later; until then no other server can start.
                if not self._killed or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        super().kill()
        self._killed = True

    def _signal(self, number: int) -> None:
        """Signal the server; freeze and thaw its processes too, which serve clients without it."""
        super()._signal(number)
        if self.running and number in (signal.SIGSTOP, signal.SIGCONT):
            listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
            for process, parent in (map(int, line.split()) for line in listed.splitlines()):
                if parent == self.pid:
                    with suppress(ProcessLookupError):
                        os.kill(process, number)

    def responds(self, port: int | None = None) -> bool:
        """Return whether the server with this folder's password serves clients, on `port` if that is not its own."""
        try:
            psycopg2.connect(self.url("postgres"), port=port or self.port, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    @property
    def _version(self) -> int:
        return client_programs.version(self.programs / "initdb")

    @property
    def password(self) -> str:
        return self._password_file.read_text()

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        """Return the address of `database` on this server."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str | sql.Composable, parameters: Any = None, database: str = "postgres") -> list[Any]:
        """Run one statement as the superuser; return its rows, if it has any."""
        with closing(psycopg2.connect(self.url(database), connect_timeout=2)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

    def create_role(self, name: str, password: str) -> None:
        """Create a role that may log in, or change its password."""
        exists = self.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
        verb = sql.SQL("ALTER" if exists else "CREATE")
        role = sql.Identifier(name)
        # `flask migrate check` needs CREATEDB for a temporary database, `flask databases move` the others.
        self.execute(
            sql.SQL("{} ROLE {} LOGIN CREATEDB REPLICATION PASSWORD {}").format(verb, role, sql.Literal(password))
        )
        if self._version >= 16:
            self.execute(sql.SQL("GRANT pg_create_subscription TO {}").format(role))

    def create_database(self, name: str, owner: str) -> None:
        """Create a database, if there is none of this name."""
        if not self.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)):
            self.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))

    def delay(self, interval: str) -> None:
        """Let this replica replay each commit `interval` (like `5s`) late."""
        self.execute(sql.SQL("ALTER SYSTEM SET recovery_min_apply_delay = {}").format(sql.Literal(interval)))
        self.execute("SELECT pg_reload_conf()")

    @contextmanager
    def _new_data(self) -> Iterator[Path]:
        """Yield a temporary data folder; it is renamed when it is complete."""
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        yield unfinished
        unfinished.rename(self.data)

    def _end_leftover(self) -> None:
        """Stop a server that an earlier run left in our folder; remove the lock file of a dead one.

        The process id in that file may belong to another program now; then PostgreSQL would refuse to start. The port
        in it may differ from ours.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        lines = lock.read_text().splitlines()
        if len(lines) > 3 and self.responds(int(lines[3])):
            stop: Command = [self.programs / "pg_ctl", "stop", "--mode=fast", f"--pgdata={self.data}"]
            self.group.run(stop, self.folder, self.log)
        lock.unlink(missing_ok=True)

    def _write_password(self, password: str) -> None:
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password)
        self.group.own(self._password_file)
