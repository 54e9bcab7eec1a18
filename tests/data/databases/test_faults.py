"""A thread's persistent connection while servers fail and come back."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import peewee
import pytest

from blog_app.config import Settings
from blog_app.data import backoff, databases
from blog_app.data.databases import DatabaseUnreachable, Server
from blog_app.data.databases.servers import RETRY_WINDOW
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack

SECONDS = 60


class Note(peewee.Model):
    text = peewee.TextField()

    class Meta:
        schema = "public"
        table_name = "notes"
        primary_key = False


def read(server: Server) -> int:
    return int(server.execute_sql("SELECT 1").fetchone()[0])


def write(server: Server, text: str) -> None:
    Note.insert(text=text).execute(server)


def notes(stack: Stack) -> list[str]:
    return [text for (text,) in stack.postgres.execute("SELECT text FROM public.notes", database="blog_app")]


def is_reachable(server: Server) -> bool:
    try:
        return read(server) == 1
    except DatabaseUnreachable:
        return False


def end_of_connections(stack: Stack) -> None:
    """End every connection of the app, as a firewall's idle timeout or an administrator does."""
    stack.postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'blog_app'")
    if stack.pgbouncer:
        stack.pgbouncer.admin("KILL blog")
        stack.pgbouncer.admin("RESUME blog")


def restart_after_a_crash(stack: Stack) -> None:
    stack.postgres.kill()
    stack.postgres.start()


@pytest.mark.parametrize("fault", [end_of_connections, restart_after_a_crash])
def test_a_read_on_a_connection_lost_meanwhile_is_repeated(server: Server, fragile: Stack, fault) -> None:
    fault(fragile)

    assert read(server) == 1


@pytest.mark.parametrize("fault", [end_of_connections, restart_after_a_crash])
def test_a_transaction_on_a_connection_lost_meanwhile_begins(server: Server, fragile: Stack, fault) -> None:
    fault(fragile)

    with server.atomic():
        write(server, "kept")

    assert notes(fragile) == ["kept"]


@pytest.mark.parametrize("fault", [end_of_connections, restart_after_a_crash])
def test_a_transaction_that_loses_its_connection_fails_as_a_whole(server: Server, fragile: Stack, fault) -> None:
    with pytest.raises(DatabaseUnreachable, match="lost"), server.atomic():
        write(server, "first")
        fault(fragile)
        write(server, "second")

    assert notes(fragile) == []
    assert read(server) == 1
    assert not server.in_transaction()


def test_a_read_inside_a_transaction_is_never_repeated(server: Server, fragile: Stack) -> None:
    with pytest.raises(DatabaseUnreachable, match="lost"), server.atomic():
        write(server, "first")
        end_of_connections(fragile)
        read(server)

    assert notes(fragile) == []


def test_a_loss_caught_inside_a_transaction_does_not_let_the_rest_commit(server: Server, fragile: Stack) -> None:
    def swallow() -> None:
        with pytest.raises(DatabaseUnreachable), server.atomic():
            end_of_connections(fragile)
            write(server, "lost")

    with pytest.raises(DatabaseUnreachable), server.atomic():
        swallow()
        write(server, "alone")

    assert notes(fragile) == []
    assert read(server) == 1


def test_a_loss_in_commit_says_that_the_outcome_is_unknown(server: Server, fragile: Stack) -> None:
    with pytest.raises(DatabaseUnreachable, match="outcome is unknown"), server.atomic():
        write(server, "first")
        end_of_connections(fragile)

    assert read(server) == 1


def test_a_write_outside_a_transaction_gets_one_and_is_sent_once(server: Server, fragile: Stack) -> None:
    end_of_connections(fragile)

    write(server, "once")

    assert notes(fragile) == ["once"]


def test_an_error_of_the_application_is_not_hidden_by_a_lost_connection(server: Server, fragile: Stack) -> None:
    with pytest.raises(ZeroDivisionError), server.atomic():
        write(server, "first")
        end_of_connections(fragile)
        raise ZeroDivisionError

    assert read(server) == 1


def test_a_long_read_that_loses_its_server_is_not_repeated(server: Server, fragile: Stack) -> None:
    crash = threading.Timer(RETRY_WINDOW + 0.2, fragile.postgres.kill)
    crash.start()

    with pytest.raises(DatabaseUnreachable):
        server.execute_sql("SELECT pg_sleep(8)")

    crash.join()


def test_requests_fail_while_postgresql_is_away_and_recover(server: Server, fragile: Stack) -> None:
    fragile.postgres.kill()
    assert wait_until(lambda: not is_reachable(server), SECONDS)  # A backend may outlive its postmaster for a moment.
    with pytest.raises(DatabaseUnreachable), server.atomic():
        write(server, "lost")

    fragile.postgres.start()

    assert wait_until(lambda: is_reachable(server), SECONDS)


@pytest.mark.pgbouncer
def test_requests_fail_while_pgbouncer_is_away_and_recover(pooled: Server, fragile: Stack) -> None:
    fragile.pgbouncer.kill()
    with pytest.raises(DatabaseUnreachable):
        read(pooled)
    with pytest.raises(DatabaseUnreachable), pooled.atomic():
        write(pooled, "lost")

    fragile.pgbouncer.start()

    assert read(pooled) == 1


@pytest.mark.pgbouncer
def test_a_restart_of_pgbouncer_is_not_noticed(pooled: Server, fragile: Stack) -> None:
    fragile.pgbouncer.kill()
    fragile.pgbouncer.start()

    assert read(pooled) == 1


def test_statement_errors_keep_the_connection(server: Server) -> None:
    connection = server.connection()

    with pytest.raises(peewee.ProgrammingError):
        server.execute_sql("SELECT nonsense")

    assert server.connection() is connection
    assert read(server) == 1


def test_release_keeps_a_clean_connection_and_drops_one_inside_a_transaction(server: Server) -> None:
    connection = server.connection()
    server.release()
    assert server.connection() is connection

    server.begin()
    server.release()
    assert connection.closed
    assert read(server) == 1


@pytest.mark.pgbouncer
def test_threads_wait_for_a_hanging_server_in_parallel(pooled: Server, fragile: Stack) -> None:
    def attempt(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(DatabaseUnreachable, match="timeout"):
            pooled.connect()
        return time.monotonic() - started

    fragile.pgbouncer.freeze()
    with ThreadPoolExecutor(4) as threads:
        waited = list(threads.map(attempt, range(4)))

    assert max(waited) < 2 * min(waited)


def test_a_start_waits_for_the_databases(fragile: Stack) -> None:
    waiting = {"APP_MODE": "test", "START_TRIES": "100", "START_PAUSE": "0.5"}
    settings = Settings.from_environment(waiting | fragile.environment())
    fragile.postgres.stop()
    start = threading.Timer(0.3, fragile.postgres.start)
    start.start()

    databases.wait_until_available(settings)

    start.join()


def test_a_start_gives_up_after_five_tries_and_says_which_database(
    fragile: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backoff, "JITTER", 0)
    direct = {name: url for name, url in fragile.environment().items() if name.endswith("_DIRECT_URL")}
    addresses = {name.replace("_DIRECT_", "_DATABASE_"): url for name, url in direct.items()}
    settings = Settings.from_environment({"APP_MODE": "test", "START_PAUSE": "0.08"} | addresses)
    fragile.postgres.stop()

    with caplog.at_level(logging.WARNING), pytest.raises(DatabaseUnreachable, match=r"^cannot connect to accounts"):
        databases.wait_until_available(settings)

    said = [record.getMessage() for record in caplog.records]  # Other threads may log too.
    assert [message.rpartition("; ")[2] for message in said if "; next try" in message] == [
        "next try in 0.01 s",
        "next try in 0.02 s",
        "next try in 0.04 s",
        "next try in 0.08 s",
    ]
    assert settings.databases["accounts"].direct_url not in caplog.text
