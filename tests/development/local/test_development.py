"""`make run` on other ports and with its data elsewhere, so that it can be tested beside one that is in use."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from blog_app.development.local.group import temporary_folder
from blog_app.development.local.ports import port_is_taken, private_ports
from blog_app.development.local.process import wait_until
from tests.helpers.programs import Program

BOOT_SECONDS = 150
SCRIPT = """
import sys
from pathlib import Path
from blog_app.development.local import development
from blog_app.development.local.__main__ import main
development.PORTS = range(int(sys.argv[2]), int(sys.argv[2]) + 8)
development.RESTART_SECONDS = 0.5
development._folder = lambda: Path(sys.argv[1])
sys.exit(main(["run"]))
"""


@pytest.fixture
def run() -> Iterator[Run]:
    folder = temporary_folder()
    ports = private_ports()
    yield Run(folder, next(ports))
    ports.close()
    shutil.rmtree(folder)


class Run:
    """Starts `make run` in a folder, on ports from `first`."""

    def __init__(self, folder: Path, first: int) -> None:
        self.folder = folder
        self.first = first
        self.web = first + 10

    def start(self, **environment: str) -> Program:
        variables = os.environ | {"PORT": str(self.web), "REPLICAS": "1"} | environment
        return Program(sys.executable, "-c", SCRIPT, str(self.folder), str(self.first), environment=variables)

    def refused(self, **environment: str) -> str:
        """Start it, expect that it refuses, and return its reason."""
        with self.start(**environment) as program:
            assert program.wait() == 1
            said = program.said
        assert "Traceback" not in said
        return said

    def is_ready(self) -> bool:
        """Tell whether it says that it is ready; while servers are killed, a request may also go without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        return False


def test_it_serves_until_it_is_interrupted_mends_itself_and_keeps_its_data(run: Run) -> None:
    with run.start() as program:
        said = program.until("Ready", BOOT_SECONDS)
        assert said.startswith(f"In a moment the blog is at http://127.0.0.1:{run.web} ")
        assert wait_until(run.is_ready, 60), program.said
        assert "running already: process " in run.refused()
        os.kill(int((run.folder / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        program.until("PostgreSQL has ended")
        assert wait_until(run.is_ready, 60), program.said
        (worker,) = [child for child, command in program.children().items() if "flask worker" in command]
        os.kill(worker, signal.SIGKILL)
        program.until("The worker has ended; starting it again")
        assert program.end(signal.SIGINT) == 0
    assert not any(port_is_taken(port) for port in range(run.first, run.first + 4))

    with run.start() as program:
        assert "blog: holds rows already" in program.until("Ready", BOOT_SECONDS)
        assert program.end(signal.SIGTERM) == 0


def test_a_taken_port_is_named_and_another_one_proposed(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.web))
        assert f"port {run.web} is taken by another program; try: make run PORT={run.web + 1}\n" in run.refused()
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.first))
        assert f"port {run.first} of 127.0.0.1, which PostgreSQL needs, is taken" in run.refused()


@pytest.mark.parametrize("environment", [{"PORT": "web"}, {"PORT": "70000"}, {"REPLICAS": "5"}])
def test_numbers_that_make_no_sense_are_refused(run: Run, environment: dict[str, str]) -> None:
    assert "PORT must be a number from 1 to 65535, REPLICAS one from 0 to 4" in run.refused(**environment)
