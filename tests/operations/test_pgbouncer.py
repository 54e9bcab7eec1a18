"""`flask pgbouncer`: its files, its errors, and bin/with-pgbouncer."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import stat
import sys
from pathlib import Path

import pytest

from blog_app import create_app
from blog_app.config import DATABASE_NAMES, ROOT, ConfigurationError, Settings
from blog_app.development.local import development
from blog_app.development.local.group import Group
from blog_app.development.local.stack import Stack
from blog_app.operations import pgbouncer
from blog_app.operations.move.redirection import PgBouncerRedirection
from tests.helpers.programs import Program

HEROKU = {"DATABASE_URL": "postgres://u1:p%401@db1.internal:5432/d1"}
SECRETS = ("p@1", "p%401", "own-password", "admin-password")


def settings(**environment: str) -> Settings:
    return Settings.from_environment({"APP_MODE": "test"} | environment)


def entries(ini: str) -> dict[str, str]:
    section = ini.partition("[databases]")[2].partition("\n[pgbouncer]")[0]
    lines = [line for line in section.splitlines() if line and not line.startswith(";")]
    return {name: rest for name, _, rest in (line.partition(" = ") for line in lines)}


def value(ini: str, name: str) -> str:
    [found] = [line.partition(" = ")[2] for line in ini.splitlines() if line.startswith(f"{name} =")]
    return found


def variables(text: str) -> dict[str, str]:
    words = (shlex.split(line)[0] for line in text.splitlines())
    return {name: rest for name, _, rest in (word.partition("=") for word in words)}


def test_one_url_becomes_an_entry_and_a_pooled_url_for_each_logical_database() -> None:
    files = pgbouncer.files(settings(**HEROKU))

    assert list(entries(files["pgbouncer.ini"])) == list(DATABASE_NAMES)
    assert entries(files["pgbouncer.ini"])["blog"].startswith("host=db1.internal port=5432 dbname=d1 user=u1 ")
    assert '"u1" "p@1"\n' in files["userlist.txt"]
    app = variables(files["pgbouncer.env"])
    assert app["BLOG_DATABASE_URL"] == "postgresql://u1:p%401@127.0.0.1:6432/blog"
    assert app["BLOG_DIRECT_URL"] == "postgresql://u1:p%401@db1.internal:5432/d1"


def test_the_environment_it_writes_gives_the_same_files_again() -> None:
    first = pgbouncer.files(settings(**HEROKU, BLOG_REPLICA_URLS="postgres://u1:p%401@db2.internal/d1"))
    second = pgbouncer.files(settings(**variables(first["pgbouncer.env"])))

    assert second == first


def test_several_servers_and_each_replica_have_entries_of_their_own() -> None:
    files = pgbouncer.files(
        settings(
            **HEROKU,
            BLOG_DATABASE_URL="postgres://u2:own-password@db2.internal/d2",
            BLOG_REPLICA_URLS="postgres://u2:own-password@db3.internal/d2, postgres://u2:own-password@db4.internal/d2",
        )
    )
    found = entries(files["pgbouncer.ini"])

    assert list(found) == [*DATABASE_NAMES, "blog_replica_1", "blog_replica_2"]
    assert found["blog"].startswith("host=db2.internal dbname=d2 user=u2 password=own-password ")
    assert found["blog_replica_2"].startswith("host=db4.internal dbname=d2 ")
    assert found["shop"].startswith("host=db1.internal port=5432 dbname=d1 user=u1 password='p@1' ")
    assert variables(files["pgbouncer.env"])["BLOG_REPLICA_URLS"] == (
        "postgresql://u1:p%401@127.0.0.1:6432/blog_replica_1,postgresql://u1:p%401@127.0.0.1:6432/blog_replica_2"
    )


def test_pooled_urls_determine_listen_address_entry_and_login() -> None:
    files = pgbouncer.files(
        settings(
            **HEROKU,
            BLOG_DATABASE_URL="postgres://app:own-password@pool.internal:7000/b",
            BLOG_DIRECT_URL=HEROKU["DATABASE_URL"],
        )
    )
    ini = files["pgbouncer.ini"]

    assert (value(ini, "listen_addr"), value(ini, "listen_port")) == ("pool.internal", "7000")
    assert entries(ini)["b"].startswith("host=db1.internal port=5432 dbname=d1 user=u1 password='p@1' ")
    assert files["userlist.txt"].endswith('\n"app" "own-password"\n')
    assert (
        variables(files["pgbouncer.env"])["SHOP_DATABASE_URL"]
        == "postgresql://app:own-password@pool.internal:7000/shop"
    )


def test_logical_databases_with_the_same_entry_share_a_larger_pool() -> None:
    pooled = settings(DATABASE_URL="postgres://u1:p@127.0.0.1:6432/all", DIRECT_URL="postgres://u1:p@db1.internal/d1")

    found = entries(pgbouncer.files(pooled, pool_size=3)["pgbouncer.ini"])

    assert list(found) == ["all"]
    assert " pool_size=15 " in found["all"]


def test_limits_and_tls_follow_the_settings() -> None:
    strict = "postgres://u:p@db2.internal/d?sslmode=verify-full&sslrootcert=/ca.pem"
    ini = pgbouncer.files(settings(**HEROKU, SHOP_DATABASE_URL=strict, STATEMENT_TIMEOUT="2.5"))["pgbouncer.ini"]

    assert "connect_query='SET statement_timeout = 2500'" in entries(ini)["blog"]
    assert value(ini, "query_timeout") == "7"
    assert value(ini, "server_tls_sslmode") == "verify-full"
    assert value(ini, "server_tls_ca_file") == "/ca.pem"
    assert value(pgbouncer.files(settings(**HEROKU))["pgbouncer.ini"], "server_tls_sslmode") == "prefer"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"BLOG_DATABASE_URL": "postgres://db1.internal/d"}, "BLOG_DATABASE_URL .* no user"),
        ({"BLOG_DATABASE_URL": "postgres://u@a,b/d"}, "BLOG_DATABASE_URL .* several hosts"),
        (
            {
                "BLOG_DATABASE_URL": "postgres://u:p@a/b",
                "BLOG_DIRECT_URL": "postgres://u:p@db/b",
                "SHOP_DATABASE_URL": "postgres://u:p@b/b",
                "SHOP_DIRECT_URL": "postgres://u:p@db/b",
            },
            "several poolers",
        ),
        (
            {
                "BLOG_DATABASE_URL": "postgres://u:p@a/b",
                "BLOG_DIRECT_URL": "postgres://u:p@db/b",
                "SHOP_DATABASE_URL": "postgres://u:other@a/s",
                "SHOP_DIRECT_URL": "postgres://u:p@db/b",
            },
            "'u' two passwords",
        ),
        (
            {
                "BLOG_DATABASE_URL": "postgres://u:p@a/b",
                "BLOG_DIRECT_URL": "postgres://u:p@db/b",
                "SHOP_DATABASE_URL": "postgres://u:p@a/b",
                "SHOP_DIRECT_URL": "postgres://u:p@elsewhere/b",
            },
            "share the entry 'b'",
        ),
        (
            {f"{name.upper()}_DATABASE_URL": f"postgres://u:p@localhost:6432/{name}" for name in DATABASE_NAMES},
            "PgBouncer would connect to itself: the direct URL of accounts is 127.0.0.1:6432",
        ),
        (
            {
                "BLOG_DATABASE_URL": "postgres://u:p@pool.internal:6432/blog",
                "BLOG_DIRECT_URL": "postgres://u:p@db/b",
                "SHOP_DATABASE_URL": "postgres://u:p@pool.internal:6432/shop",
            },
            "PgBouncer would connect to itself: .* Beside SHOP_DATABASE_URL, set the direct URL",
        ),
    ],
)
def test_urls_that_contradict_one_another_are_refused_in_one_line(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as refused:
        pgbouncer.files(settings(**HEROKU | environment))

    assert "\n" not in str(refused.value)


def test_the_command_writes_private_files_prints_no_password_and_checks_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(pgbouncer.ADMIN_PASSWORD, "admin-password")
    runner = create_app(settings(**HEROKU)).test_cli_runner()
    command = ["pgbouncer", "--output", str(tmp_path / "new")]

    with caplog.at_level(logging.DEBUG):
        missing = runner.invoke(args=[*command, "--check"])
        written = runner.invoke(args=command)
        again = runner.invoke(args=command)
        checked = runner.invoke(args=[*command, "--check"])
        other = runner.invoke(args=[*command, "--check", "--pool-size", "5"])

    results = (missing, written, again, checked, other)
    assert [result.exit_code for result in results] == [1, 0, 0, 0, 1]
    for file in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "new/userlist.txt").read_text().endswith('"pgbouncer_admin" "admin-password"\n')
    # PgBouncer may be started in any folder.
    assert value((tmp_path / "new/pgbouncer.ini").read_text(), "auth_file") == str(tmp_path / "new/userlist.txt")
    said = "".join(result.output for result in results) + caplog.text
    assert not [secret for secret in SECRETS if secret in said]


def test_the_checked_in_pair_is_what_the_command_writes_for_make_run(tmp_path: Path) -> None:
    group = Group(throwaway=tmp_path)
    try:
        stack = Stack(
            tmp_path, group=group, ports=iter(development.DEFAULT_SERVER_PORTS), passwords=development.PASSWORDS
        )
        written = pgbouncer.files(settings(**stack.environment()), admin_password=development.PASSWORDS.admin)
    finally:
        group.close()

    for name in pgbouncer.PAIR:
        assert (ROOT / name).read_text() == written[name]


def test_with_a_socket_dir_it_listens_there_only_and_what_it_writes_gives_the_same_files_again(tmp_path: Path) -> None:
    pooled = {
        "BLOG_DATABASE_URL": "postgres://u1:p%401@pool.internal:7000/b",
        "BLOG_DIRECT_URL": HEROKU["DATABASE_URL"],
    }
    first = pgbouncer.files(settings(**HEROKU | pooled), socket_dir=tmp_path)
    ini = first["pgbouncer.ini"]

    assert [value(ini, name) for name in ("listen_addr", "unix_socket_dir")] == ["", str(tmp_path)]
    assert "pool.internal" not in "".join(first.values())
    assert pgbouncer.files(settings(**variables(first["pgbouncer.env"]))) == first


COMMAND = """
import json, os, sys, time, psycopg2
print(json.dumps({name: url for name, url in os.environ.items() if name.endswith("_URL")}), flush=True)
served = None
while True:
    try:
        with psycopg2.connect(os.environ["BLOG_DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            (database,) = cursor.fetchone()
    except psycopg2.OperationalError as error:
        database = f"nothing: {error}"
    if database != served:
        served = database
        print("served by", served, flush=True)
    time.sleep(0.05)
"""


def with_pgbouncer(stack: Stack, database: str, **environment: str) -> Program:
    """Start `COMMAND` behind a PgBouncer of its own in front of the physical database."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "APP_MODE": "test",
        "DATABASE_URL": stack.postgres.url(database, "blog_app", stack.passwords.app),
        "TMPDIR": str(stack.folder),
        pgbouncer.ADMIN_PASSWORD: stack.passwords.admin,
    }
    return Program(ROOT / "bin/with-pgbouncer", sys.executable, "-c", COMMAND, environment=variables | environment)


@pytest.fixture(scope="module")
def other_database(stack: Stack) -> str:
    """The name of a physical database with the same login on the same server."""
    stack.postgres.create_database("other_deployment", owner="blog_app")
    return "other_deployment"


@pytest.mark.pgbouncer
def test_the_start_script_runs_pgbouncer_beside_the_command_and_stops_it(stack: Stack) -> None:
    before = set(stack.folder.iterdir())
    with with_pgbouncer(stack, "blog_app") as script:
        script.until("served by blog_app\n")
        [folder] = set(stack.folder.iterdir()) - before
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_ISSOCK((folder / ".s.PGSQL.6432").stat().st_mode)
        assert script.end(signal.SIGTERM) == 128 + signal.SIGTERM

    assert set(stack.folder.iterdir()) == before


@pytest.mark.pgbouncer
def test_two_start_scripts_serve_their_own_databases_whichever_ends_first(stack: Stack, other_database: str) -> None:
    with with_pgbouncer(stack, "blog_app") as first, with_pgbouncer(stack, other_database) as second:
        first.until("served by blog_app\n")
        second.until(f"served by {other_database}\n")
        first.end(signal.SIGTERM)
        with with_pgbouncer(stack, "blog_app") as third:
            third.until("served by blog_app\n")
        assert second.said.count("served by") == 1, second.said


@pytest.mark.pgbouncer
def test_the_start_script_ends_with_an_error_if_pgbouncer_does_not_start(stack: Stack) -> None:
    (too_long_for_a_socket := stack.folder / ("x" * 100)).mkdir()
    with with_pgbouncer(stack, "blog_app", TMPDIR=str(too_long_for_a_socket)) as script:
        assert script.wait() == 1
        assert "pgbouncer does not start" in script.said
        assert "DATABASE_URL" not in script.said, "the command has started"
    assert list(too_long_for_a_socket.iterdir()) == []
    too_long_for_a_socket.rmdir()


@pytest.mark.pgbouncer
def test_a_move_redirects_the_command_of_the_start_script(stack: Stack, other_database: str) -> None:
    before = set(stack.folder.iterdir())
    with with_pgbouncer(stack, "blog_app") as script:
        environment = json.loads(script.until("BLOG_DATABASE_URL").splitlines()[-1])
        script.until("served by blog_app\n")
        [folder] = set(stack.folder.iterdir()) - before
        redirection = PgBouncerRedirection(settings(**environment), "blog", folder, stack.passwords.admin)
        target = stack.postgres.url(other_database, "blog_app", stack.passwords.app)
        redirection.check(target)
        redirection.redirect(target)
        script.until(f"served by {other_database}\n")
        assert "nothing" not in script.said
