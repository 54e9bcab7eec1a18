"""The throwaway servers themselves."""

from __future__ import annotations

import copy
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis

from blog_app.config import Settings
from blog_app.development.local import programs
from blog_app.development.local.group import StartError
from blog_app.development.local.ports import PORTS, port_is_taken
from blog_app.development.local.postgres import Postgres
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway
from blog_app.operations.deploy.programs import version
from tests.helpers.programs import Program


def test_the_environment_has_the_addresses_of_all_logical_databases_and_redis(stack: Stack) -> None:
    settings = Settings.from_environment({"APP_MODE": "test"} | stack.environment())

    for database in settings.databases.values():
        for url in (database.url, database.direct_url):
            psycopg2.connect(url).close()
    assert redis.Redis.from_url(settings.redis_url).ping()


def test_a_postgresql_that_is_missing_or_too_old_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(StartError, match=f"no PostgreSQL 15 or newer in {tmp_path}"):
        programs.postgres(tmp_path)
    initdb = tmp_path / "initdb"
    for number, fits in (("14.9", False), ("15.0", True)):
        initdb.write_text(f"#!/bin/sh\necho 'initdb (PostgreSQL) {number}'\n")
        initdb.chmod(0o755)
        version.cache_clear()
        if fits:
            assert programs.postgres(tmp_path) == tmp_path
        else:
            with pytest.raises(StartError, match=f"no PostgreSQL 15 or newer in {tmp_path}"):
                programs.postgres(tmp_path)


@pytest.mark.pgbouncer
def test_replicas_stream_and_are_reached_through_entries_of_their_own() -> None:
    with throwaway(replicas=1) as stack:
        stack.postgres.execute("CREATE TABLE public.marks AS SELECT 1 AS value", database="blog_app")
        stack.postgres.execute("GRANT SELECT ON public.marks TO blog_app", database="blog_app")
        replica = stack.replicas[0]
        arrived = "SELECT to_regclass('public.marks') IS NOT NULL"
        assert wait_until(lambda: replica.execute(arrived, database="blog_app")[0][0], 60)

        with psycopg2.connect(stack.environment()["BLOG_REPLICA_URLS"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), value FROM public.marks")
            assert cursor.fetchone() == (True, 1)
        connection.close()


OLDER_POSTGRES = Path("pginstall/bin")
"""The wheel has it too; it lacks the builtin locale provider."""


def test_without_pgbouncer_and_redis_and_with_an_older_postgresql_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "pgbouncer", lambda: None)
    monkeypatch.setattr(programs, "redis", lambda _folder: None)
    monkeypatch.setattr(programs, "POSTGRES", OLDER_POSTGRES)

    with throwaway() as stack:
        settings = Settings.from_environment({"APP_MODE": "test"} | stack.environment())
        with closing(psycopg2.connect(settings.databases["blog"].url)) as connection:
            assert connection.server_version // 10_000 == 16

    assert settings.databases["blog"].url == settings.databases["blog"].direct_url
    assert settings.redis_url is None


def test_two_stacks_do_not_conflict_and_leave_nothing_behind(stack: Stack) -> None:
    with throwaway() as other:
        assert other.folder != stack.folder
        assert other.postgres.port != stack.postgres.port
        psycopg2.connect(other.environment()["BLOG_DIRECT_URL"]).close()
    assert not other.folder.exists()
    assert not other.postgres.running


HOLDER = """
import signal, time
from blog_app.development.local.stack import throwaway
signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # As a shell does for a program in the background.
with throwaway() as stack:
    print("holding", stack.folder, stack.postgres.port, stack.redis.port, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_interrupted_or_killed(number: signal.Signals) -> None:
    with Program(sys.executable, "-c", HOLDER) as holder:
        _, folder, *ports = holder.until("holding").split()
        assert all(port_is_taken(int(port)) for port in ports)
        holder.end(number)

    assert wait_until(lambda: not Path(folder).exists(), 60)
    assert wait_until(lambda: not any(port_is_taken(int(port)) for port in ports), 60)


def test_a_crashed_server_starts_again_though_its_process_id_belongs_to_another_program_now() -> None:
    with throwaway() as stack:
        stack.postgres.kill()
        lock = stack.postgres.data / "postmaster.pid"
        _, _, rest = lock.read_text().partition("\n")
        lock.write_text(f"{stack.redis.pid}\n{rest}")

        stack.postgres.start()

        assert stack.postgres.execute("SELECT 1") == [(1,)]
        assert stack.redis.running


def test_a_server_that_was_left_in_the_folder_is_ended_first_also_on_another_port(port: int) -> None:
    with throwaway() as stack:
        left = stack.postgres
        again = Postgres(stack.group, left.programs, left.folder, port)

        again.start()

        assert wait_until(lambda: not left.running, 60)
        assert again.execute("SELECT 1") == [(1,)]
        again.stop()


@pytest.mark.parametrize("name", ["redis", "pgbouncer"])
def test_what_a_killed_run_left_in_the_folder_is_ended_first(name: str) -> None:
    with throwaway() as stack:
        left = getattr(stack, name)
        if left is None:
            pytest.skip(f"there is no {name} on this machine")
        again = copy.copy(left)
        again._child = None
        again.start()
        assert not left.running
        assert again.responds()
        again.stop()


def test_a_process_that_got_the_id_of_a_server_of_a_killed_run_is_left_alone() -> None:
    with throwaway() as stack:
        if stack.redis is None:
            pytest.skip("there is no Redis on this machine")
        stack.redis.kill()
        stack.redis._pid_file.write_text(str(stack.postgres.pid))
        stack.redis.start()
        assert stack.postgres.execute("SELECT 1") == [(1,)]


BREAKPOINT = """
import sys
from blog_app.development.local.group import Group
group = Group()
status = group.start_program([sys.executable, "-c", "breakpoint(); print('went on', flush=True)"], {}).wait()
group.close()
sys.exit(status)
"""


def test_a_breakpoint_in_one_of_our_programs_gets_the_terminal() -> None:
    spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"
    command = [sys.executable, "-c", spawn, sys.executable, "-c", BREAKPOINT]
    found = subprocess.run(command, input=b"6 * 7 + 1000\nc\n", capture_output=True, timeout=120, check=False)
    assert (found.returncode, b"1042" in found.stdout, b"went on" in found.stdout) == (0, True, True), found


def test_ports_stay_reserved_while_a_server_is_down(stack: Stack) -> None:
    assert port_is_taken(stack.postgres.port // PORTS.step * PORTS.step)


def test_the_error_names_the_port_that_is_taken(stack: Stack) -> None:
    with throwaway() as other:
        other.redis.stop()
        other.redis.port = stack.redis.port

        with pytest.raises(StartError, match=f"port {stack.redis.port} .* Redis needs, is taken"):
            other.redis.start()


def test_the_error_quotes_the_log_of_a_server_that_does_not_start(stack: Stack) -> None:
    with throwaway() as other:
        other.postgres.stop()
        (other.postgres.data / "postgresql.conf").write_text("nonsense = 1\n")

        with pytest.raises(StartError, match=r"configuration file .* contains errors"):
            other.postgres.start()
