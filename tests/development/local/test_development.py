"""`make run` and the shells on it, with data elsewhere, so that it can be tested beside a run that is in use."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from dotenv import dotenv_values

from blog_app.config import ROOT
from blog_app.development.local.group import temporary_folder
from blog_app.development.local.ports import port_is_taken, private_ports
from blog_app.development.local.process import wait_until
from tests.helpers.programs import Program

BOOT_SECONDS = 150
SCRIPT = """
import sys
from pathlib import Path
from blog_app.development.local import run_state
run_state.data_folder = lambda: Path(sys.argv[1])
from blog_app.development.local import development
from blog_app.development.local.__main__ import main
development.RESTART_DELAY = 0.5
if first := int(sys.argv[2]):
    development.DEFAULT_PORT, development.DEFAULT_SERVER_PORTS = first + 10, range(first, first + 8)
sys.exit(main(sys.argv[3:]))
"""


class Run:
    """`make run` on `port`, with its data in `folder`; as if that were the default port if there is a `first`."""

    def __init__(self, folder: Path, port: int, first: int = 0) -> None:
        self.folder = folder
        self.port = port
        self.first = first

    def start(self, *arguments: str, **environment: str) -> Program:
        variables = os.environ | {"PORT": str(self.port), "REPLICAS": "1"} | environment
        command = [sys.executable, "-c", SCRIPT, str(self.folder), str(self.first), *(arguments or ["run"])]
        return Program(*command, environment=variables)

    def refused(self, *arguments: str, **environment: str) -> str:
        """Start it, expect that it refuses, and return its reason."""
        with self.start(*arguments, **environment) as program:
            assert program.wait() == 1
            said = program.said
        assert "Traceback" not in said
        return said

    def is_ready(self) -> bool:
        """Return whether it says that it is ready; while servers are killed, a request may also get no response."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        return False

    def environment(self) -> dict[str, str]:
        return {name: value or "" for name, value in dotenv_values(self.folder / "development.env").items()}

    def ports(self) -> set[int | None]:
        """Return the ports of its servers."""
        urls = [url for value in self.environment().values() for url in value.split(",") if "://" in url]
        return {urlsplit(url).port for url in urls}


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """Two checkouts with ports of their own, and a third with the first's."""
    ports = private_ports()
    folders = [temporary_folder() for _ in range(3)]
    first, second = next(ports), next(ports)
    yield [Run(folder, port) for folder, port in zip(folders, (first, second, first), strict=True)]
    ports.close()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def run(runs: list[Run]) -> Run:
    return runs[0]


def test_it_serves_until_it_is_interrupted_restarts_servers_and_keeps_its_data(run: Run) -> None:
    with run.start() as program:
        said = program.until("Ready", BOOT_SECONDS)
        assert said.startswith(f"The blog will be at http://127.0.0.1:{run.port} ")
        assert wait_until(run.is_ready, 60), program.said
        assert "running already: process " in run.refused()
        os.kill(int((run.folder / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        program.until("PostgreSQL has ended")
        assert wait_until(run.is_ready, 60), program.said
        (worker,) = [child for child, command in program.children().items() if "flask worker" in command]
        os.kill(worker, signal.SIGKILL)
        program.until("The worker has ended; starting it again")
        assert program.end(signal.SIGINT) == 0
    ports = run.ports()
    assert not any(port_is_taken(port) for port in ports if port)

    with run.start("dev") as program:
        assert "blog: skipped, it holds rows already" in program.until("Ready", BOOT_SECONDS)
        assert run.ports() == ports
        os.utime(ROOT / "blog_app" / "errors.py")
        program.until("code has changed; starting the worker again")
        program.until("the worker starts")
        assert program.end(signal.SIGTERM) == 0


def test_two_checkouts_with_different_ports_run_side_by_side_and_a_third_must_choose_another(runs: list[Run]) -> None:
    one, two, third = runs
    with one.start(REPLICAS="0") as first, two.start(REPLICAS="0") as second:
        first.until("starting PostgreSQL")
        reason = f"port {one.port} is taken by another program. Choose another: PORT={one.port + 1} make run\n"
        assert reason in third.refused()
        for run, program in ((one, first), (two, second)):
            program.until("Ready", BOOT_SECONDS)
            assert wait_until(run.is_ready, 60), program.said
            with closing(psycopg2.connect(run.environment()["BLOG_DATABASE_URL"])) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT inet_server_port()")
                assert cursor.fetchone() == (urlsplit(run.environment()["BLOG_DIRECT_URL"]).port,)
        assert not one.ports() & two.ports()

        query = "SELECT current_schema(), count(*) > 0 FROM posts"
        with one.start("psql", "blog", "--csv", "--command", query) as psql:
            assert psql.wait() == 0
            assert "blog,t" in psql.said
        assert "name a logical database (accounts, blog, " in one.refused("psql", "log")
        assert [program.end(signal.SIGINT) for program in (first, second)] == [0, 0]
    assert not any(port_is_taken(port) for run in (one, two) for port in run.ports() if port)


@pytest.mark.parametrize("arguments", [("shell",), ("psql", "blog")])
def test_a_shell_needs_a_run(run: Run, arguments: tuple[str, ...]) -> None:
    assert "nothing is running: start `make run`" in run.refused(*arguments)


def test_a_taken_port_of_the_default_run_is_named(run: Run) -> None:
    with closing(private_ports()) as ports, socket.socket() as other:
        first = next(ports)
        other.bind(("127.0.0.1", first))
        default = Run(run.folder, first + 10, first)
        reason = default.refused()
    assert f"port {first} of 127.0.0.1, which PostgreSQL needs, is taken" in reason
    assert f"PORT={first + 11} make run" in reason


@pytest.mark.parametrize("environment", [{"PORT": "web"}, {"PORT": "70000"}, {"REPLICAS": "5"}])
def test_invalid_numbers_are_refused(run: Run, environment: dict[str, str]) -> None:
    assert "PORT must be a number from 1 to 65535, REPLICAS one from 0 to 4" in run.refused(**environment)
