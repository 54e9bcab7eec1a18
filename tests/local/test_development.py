"""`make run` on other ports and with its data elsewhere, so that it can be tested beside one that is in use."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from blog_app.config import ROOT
from blog_app.local.group import temporary_folder
from blog_app.local.ports import port_is_taken, private_ports
from blog_app.local.process import wait_until

SCRIPT = """
import sys
from pathlib import Path
from blog_app.local import development
from blog_app.local.__main__ import main
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

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(self.folder), str(self.first)],
            cwd=ROOT,
            env=os.environ | {"PORT": str(self.web), "REPLICAS": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def refused(self, **environment: str) -> str:
        """Start it, expect that it refuses, and return its reason."""
        with self.start(**environment) as process:
            said = process.stdout.read()
        assert process.returncode == 1
        assert "Traceback" not in said
        return said

    def get(self, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}") as answer:
            return int(answer.status)


def until(process: subprocess.Popen[str], text: str) -> str:
    """Return what the process says, up to the line with `text`; fail if it ends before."""
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(said)


def test_it_serves_until_it_is_interrupted_mends_itself_and_keeps_its_data(run: Run) -> None:
    with run.start() as process:
        said = until(process, "Ready")
        assert said.startswith(f"In a moment the blog is at http://127.0.0.1:{run.web} ")
        assert run.get("/readyz") == 200
        assert "running already: process " in run.refused()
        os.kill(int((run.folder / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        until(process, "PostgreSQL has ended")
        assert wait_until(lambda: answers(run), 20)
        os.kill(worker_of(process), signal.SIGKILL)
        until(process, "The worker has ended; starting it again")
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert not any(port_is_taken(port) for port in range(run.first, run.first + 4))

    with run.start() as process:
        assert "blog: holds rows already" in until(process, "Ready")
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 0


def worker_of(process: subprocess.Popen[str]) -> int:
    """Return the worker's process."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listed.splitlines())
    return next(int(pid) for pid, parent, command in rows if int(parent) == process.pid and "flask worker" in command)


def answers(run: Run) -> bool:
    try:
        return run.get("/readyz") == 200
    except urllib.error.HTTPError:
        return False


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
