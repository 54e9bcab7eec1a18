"""Running a step of a move in a subprocess that is killed at a numbered statement (fault injection)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from blog_app.operations.migrate.connection import Connection

KILLED, ENDED, REFUSED = "killed", "ended", "refused"


class Steps:
    """Counts statements, and the moments before and after each COMMIT; kills the process at number `fatal`."""

    def __init__(self, fatal: int, report: int) -> None:
        self.number, self.fatal, self.report = 0, fatal, report

    def step(self) -> None:
        self.number += 1
        if self.number == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        statement, commit = Connection.execute_sql, Connection.commit

        def execute_sql(connection: Connection, sql: str, params: Any = None) -> Any:
            # Polling repeats these statements an unpredictable number of times.
            if not sql.lstrip().startswith(("SELECT count(*), count(*)", "SELECT coalesce", "SELECT EXISTS")):
                self.step()
            return statement(connection, sql, params)

        def commit_(connection: Connection) -> None:
            self.step()
            commit(connection)
            self.step()

        Connection.execute_sql, Connection.commit = execute_sql, commit_


def run(action: Callable[[], Any], *, fatal: int = 0) -> tuple[str, int]:
    """Run the action and kill it at step `fatal` (0: never); return how it ended and its number of steps."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        steps = Steps(fatal, writer)
        steps.install()
        code = 0
        try:
            action()
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            code = 1
        os.write(writer, str(steps.number).encode())
        os._exit(code)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    said = os.read(reader, 100)
    os.close(reader)
    if os.WIFSIGNALED(status):
        return KILLED, fatal
    return (REFUSED if os.WEXITSTATUS(status) else ENDED), int(said)
