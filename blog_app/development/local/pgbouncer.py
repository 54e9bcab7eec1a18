"""A private PgBouncer, started in the folder that holds its `pgbouncer.ini` and `userlist.txt`."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

from blog_app.development.local.group import Command, Group
from blog_app.development.local.process import Process
from blog_app.operations.pgbouncer import PAIR


class PgBouncer(Process):
    """One PgBouncer. Its folder must hold both files before it starts, with a login `pgbouncer_admin`."""

    name = "PgBouncer"
    stop_signal = signal.SIGKILL  # It has no state, and since 1.23 SIGTERM waits until all clients have left.

    def __init__(self, group: Group, program: Path, folder: Path, port: int, admin_password: str) -> None:
        super().__init__(group, folder, port)
        self.program = program
        self._admin_url = f"postgresql://pgbouncer_admin:{admin_password}@127.0.0.1:{port}/pgbouncer"

    def command(self) -> Command:
        return [self.program, "pgbouncer.ini"]

    def start(self) -> None:
        for name in PAIR:
            self.group.own(self.folder / name)
        super().start()

    def responds(self) -> bool:
        try:
            self.admin("SHOW VERSION")
        except psycopg2.OperationalError:
            return False
        return True

    def admin(self, command: str) -> list[dict[str, Any]]:
        """Run a command of the admin console, like `SHOW POOLS`; return its rows by column name."""
        with closing(psycopg2.connect(self._admin_url, connect_timeout=2)) as connection:
            connection.autocommit = True
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(command)
                return [dict(row) for row in cursor.fetchall()] if cursor.description else []
