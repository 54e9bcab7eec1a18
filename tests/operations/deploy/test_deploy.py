"""`flask deploy`: backups, migrations, verification; on failure the command that reverts."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blog_app import create_app
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import backoff, models
from blog_app.development.local.stack import Stack
from blog_app.operations.deploy import backups, release as release_module
from blog_app.operations.deploy.release import Release, ReleaseError
from blog_app.operations.migrate import MigrationError, all_databases, catalog, files, plan
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.schema import comparison
from tests.operations.migrate.conftest import Workshop, settings  # noqa: F401


@pytest.fixture
def shop(settings: Settings, tmp_path: Path, monkeypatch) -> Workshop:  # noqa: F811
    """The repository's own migrations in a folder of the test's own, so that more can be added."""
    folder = tmp_path / "migrations"
    for name in DATABASE_NAMES:
        for migration in files.read(name):
            target = folder / name / migration.path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(migration.path.read_text())
    monkeypatch.setattr(files, "FOLDER", folder)
    return Workshop(settings, folder)


@pytest.fixture(scope="module")
def migrated(stack: Stack) -> Iterator[str]:
    """The name of a physical database in which the repository's migrations have run."""
    stack.postgres.create_database("migrated", owner="blog_app")
    url = stack.postgres.url("migrated", "blog_app", stack.passwords.app)
    there = Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": url})
    all_databases.run(there, DATABASE_NAMES, lambda runner: runner.up(), print)
    yield "migrated"
    stack.postgres.execute("DROP DATABASE migrated WITH (FORCE)")


@pytest.fixture
def deployed(shop: Workshop, stack: Stack, migrated: str) -> Workshop:
    """The same, after a release that went well; a copy, which is much quicker."""
    name = shop.settings.databases["blog"].url.rpartition("/")[2]
    stack.postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    stack.postgres.execute(f"CREATE DATABASE {name} OWNER blog_app TEMPLATE {migrated}")
    return shop


@pytest.fixture
def run(shop, tmp_path):
    """Run a command of the app; return its exit code and all it printed."""
    app = create_app(replace(shop.settings, backup_dir=tmp_path / "backups"))

    def invoke(*arguments: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=arguments)
        return result.exit_code, result.output

    return invoke


def names(shop, database: str = "blog") -> list[str]:
    return [name for (name,) in shop.query(f"SELECT name FROM {database}.migrations ORDER BY id")]


def test_a_release_backs_up_migrates_and_verifies(run, shop, tmp_path):
    code, output = run("deploy")
    assert code == 0, output
    steps = [line for line in output.splitlines() if line.startswith("deploy:")]
    assert steps == [
        "deploy: wait for the databases",
        "deploy: back up",
        "deploy: check for unsafe migrations",
        "deploy: migrate",
        "deploy: verify",
        "deploy: done",
    ]
    assert list((tmp_path / "backups").iterdir()) == []  # There was nothing yet.
    assert run("deploy")[0] == 0
    assert sorted(path.name.partition("-")[0] for path in (tmp_path / "backups").iterdir()) == sorted(DATABASE_NAMES)
    assert names(shop) == [migration.name for migration in files.read("blog")]


def test_without_a_backup_dir_the_output_says_so(shop):
    result = create_app(shop.settings).test_cli_runner().invoke(args=["deploy"])
    assert result.exit_code == 0
    assert "  no backup: BACKUP_DIR is not set" in result.output.splitlines()


def test_an_unsafe_migration_stops_the_release_before_anything_changes(run, shop):
    shop.sql("900_danger", "TRUNCATE blog.posts", "SELECT 1")
    code, output = run("deploy")
    assert code == 1
    assert "deploy: failed at: check for unsafe migrations: dangerous migrations" in output
    assert "deploy: this release has changed nothing" in output
    assert not shop.tables()


def test_what_the_models_still_use_is_not_dropped_even_if_the_migration_is_marked_safe(run, deployed):
    head = 'atomic = False\nsafe = {"ban-drop-column": "nobody uses it", "ban-drop-table": "nobody uses it"}'
    contract = 'migrator.contract_type("tags", "name")'  # Another column takes the name of the one dropped.
    for migrate, what in (
        ('migrator.remove_fields("tags", "name")', "the column tags.name is dropped, but Tag still uses it"),
        ('migrator.sql("DROP TABLE blog.likes")', "the table likes is dropped, but "),
    ):
        deployed.write("900_drop", migrate, "migrator.run(print)", head=head)
        code, output = run("deploy")
        assert code == 1
        assert what in output
        assert "this release has changed nothing" in output
    deployed.write("900_drop", contract, "migrator.run(print)", head=head)
    planned = plan.plan_pending(deployed.settings, "blog", deployed.folder)
    assert plan.drops_in_use(planned, models.models_of("blog")) == []


@pytest.fixture
def released(deployed):
    """A release that went well, and after it one that will not: two migrations in blog, one in shop that fails."""
    deployed.sql("900_more", "CREATE TABLE blog.more (id integer)", "DROP TABLE blog.more")
    body = 'migrator.sql("ALTER TABLE blog.more ADD half integer")\nmigrator.sql("CREATE TABLE blog.odd ()")'
    back = 'migrator.sql("DROP TABLE blog.odd")\nmigrator.sql("ALTER TABLE blog.more DROP half")'
    deployed.write("901_odd", body, back, head="atomic = False")
    deployed.sql("900_bad", "SELECT 1/0", "SELECT 1", database="shop")
    return deployed


def test_a_failure_prints_the_command_that_reverts_the_release_and_that_command_works(released, run):
    last = files.read("blog")[-3].name
    code, output = run("deploy")
    assert code == 1
    assert "failed at: migrate: shop failed: 900_bad: SELECT 1/0: division by zero" in output
    command = output.splitlines()[-1].strip()
    assert command == f"flask migrate down --database blog --to {last}"
    assert {"more", "odd"} <= set(released.tables())

    assert run(*command.split()[1:])[0] == 0
    assert not {"more", "odd"} & set(released.tables())


def test_rollback_reverts_the_release_and_warns_of_lost_data(released, run):
    code, output = run("deploy", "--rollback")
    assert code == 1
    assert "rolling back what this release applied; data in new tables and columns is lost" in output
    assert not {"more", "odd"} & set(released.tables())


def test_a_failed_rollback_prints_how_to_revert_the_rest(released, run):
    released.sql("900_stuck", "CREATE TABLE accounts.t ()", "DROP TABLE accounts.t; SELECT 1/0", database="accounts")
    code, output = run("deploy", "--rollback")
    assert code == 1
    assert "deploy: the rollback failed: accounts failed: 900_stuck: " in output
    last = files.read("accounts")[-2].name
    assert output.splitlines()[-1].strip() == f"flask migrate down --database accounts --to {last}"
    assert not {"more", "odd"} & set(released.tables())


def test_an_interrupted_release_says_what_it_has_done_and_how_to_revert_it(released, run):
    released.write("902_stop", "def stop():\n    raise KeyboardInterrupt\nmigrator.run(stop)", "migrator.run(print)")
    code, output = run("deploy")
    assert code == 1
    assert "failed at: migrate: blog was stopped: 902_stop: run stop(); run it again to resume" in output
    assert "done in blog: 900_more, 901_odd" in output
    assert f"not started: {', '.join(DATABASE_NAMES[2:])}" in output
    assert "flask migrate down --database blog --to " in output.splitlines()[-1]


def test_a_release_waits_for_the_databases_and_says_so(shop, stack, monkeypatch):
    monkeypatch.setattr(release_module, "MIN_BACKOFF", 0.05)
    monkeypatch.setattr(backoff, "JITTER", 0)
    nowhere = replace(shop.settings.databases["shop"], direct_url="postgresql://nobody@127.0.0.1:1/none")
    away = replace(shop.settings, databases={**shop.settings.databases, "shop": nowhere})

    def report(line: str) -> None:
        shop.reported.append(line)
        if len(shop.reported) == 3:
            release.settings = shop.settings

    release = Release(away, report, None)
    release._wait()

    assert len(shop.reported) == 3
    assert shop.reported[0].startswith("  cannot connect to shop: ")
    assert shop.reported[0].endswith("; next try in 0.05 s")
    assert shop.settings.databases["shop"].direct_url not in str(shop.reported)

    release.settings = away
    monkeypatch.setattr(release_module, "DATABASE_TIMEOUT", 0.2)
    with pytest.raises(MigrationError, match=r"shop did not respond for 0\.2 s: cannot connect to shop"):
        release._wait()


def test_a_backup_dir_that_cannot_be_written_stops_the_release_before_anything_changes(shop, tmp_path):
    (tmp_path / "a file").touch()
    app = create_app(replace(shop.settings, backup_dir=tmp_path / "a file"))
    result = app.test_cli_runner().invoke(args=["deploy"])
    assert result.exit_code == 1
    assert "failed at: back up: BACKUP_DIR, " in result.output
    assert "cannot be written: File exists" in result.output
    assert "this release has changed nothing" in result.output


def test_a_schema_that_the_models_do_not_expect_fails_the_verification(run, deployed):
    deployed.sql("900_odd", "ALTER TABLE blog.posts ADD COLUMN odd text", "ALTER TABLE blog.posts DROP COLUMN odd")
    code, output = run("deploy")
    assert code == 1
    assert "failed at: verify" in output
    assert "blog: column posts.odd: absent in the models, text in the migrations" in output
    assert f"flask migrate down --database blog --to {files.read('blog')[-2].name}" in output


def test_a_table_that_cannot_be_read_fails_the_verification(deployed):
    release = Release(deployed.settings, print, None, folder=deployed.folder)
    deployed.query("ALTER TABLE blog.posts RENAME COLUMN title TO headline")
    with pytest.raises(ReleaseError, match=r"reading posts fails: .*title"):
        release.run()


def dump_and_restore(shop, stack, tmp_path) -> Settings:
    """Fill a blog, back it up and bring it into a new database; return the settings that lead there."""
    shop.query(
        "INSERT INTO blog.categories (id, created_at, updated_at, name, slug) "
        "SELECT gen_random_uuid(), now(), now(), 'c' || i, 'c' || i FROM generate_series(1, 500) AS i"
    )
    file = backups.dump(shop.settings, "blog", tmp_path / "backups")
    stack.postgres.create_database(f"restored_{tmp_path.name}", owner="blog_app")
    url = stack.postgres.url(f"restored_{tmp_path.name}", "blog_app", stack.passwords.app)
    moved = replace(shop.settings.databases["blog"], url=url, direct_url=url)
    elsewhere = replace(shop.settings, databases={**shop.settings.databases, "blog": moved})
    assert backups.restore(elsewhere, file, print) == "blog"
    return elsewhere


def test_only_the_owner_can_read_a_backup_and_its_folder(deployed, tmp_path):
    folder = tmp_path / "backups"
    before = os.umask(0)
    try:
        file = backups.dump(deployed.settings, "blog", folder)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]

    for mode in (0o755, 0o701, 0o770):
        folder.chmod(mode)
        with pytest.raises(backups.BackupError, match=r"BACKUP_DIR, .*, is open to other users: run chmod 700 "):
            backups.dump(deployed.settings, "blog", folder)
    assert list(folder.iterdir()) == [file]


def test_a_backup_is_restored_completely_into_an_empty_database(deployed, stack, tmp_path):
    elsewhere = dump_and_restore(deployed, stack, tmp_path)
    content = "SELECT count(*), sum(hashtextextended(categories::text, 0)) FROM blog.categories"
    schemas = []
    for place in (deployed.settings, elsewhere):
        with connected(place, "blog", print) as connection:
            schemas.append((catalog.read(connection, "blog"), connection.execute_sql(content).fetchall()))
            assert connection.value("SELECT status FROM blog.watermark_epoch") == "closed"
    assert comparison.compare(schemas[0][0], schemas[1][0], "the original", "the copy") == []
    assert schemas[0][1] == schemas[1][1]
    assert schemas[0][1][0][0] == 500
    Release(elsewhere, print, None, folder=deployed.folder)._verify()


def test_a_database_with_tables_is_never_restored_over(deployed, stack, tmp_path):
    elsewhere = dump_and_restore(deployed, stack, tmp_path)
    file = next((tmp_path / "backups").iterdir())
    with pytest.raises(backups.BackupError, match=r"blog is not empty, it has \d+ tables"):
        backups.restore(elsewhere, file, print)


def test_an_incomplete_backup_leaves_the_database_empty(shop, tmp_path):
    all_databases.run(shop.settings, ["blog"], lambda runner: runner.up(), print, shop.folder)
    file = backups.dump(shop.settings, "blog", tmp_path)
    whole = file.read_bytes()
    shop.query("DROP SCHEMA blog CASCADE")
    for share in (0.3, 0.9, 0.99):
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MigrationError, match=r"incomplete|pg_restore failed"):
            backups.restore(shop.settings, file, print)
        assert shop.tables() == []
    file.write_bytes(whole)
    shop.query("CREATE SCHEMA blog")
    shop.query("CREATE FUNCTION blog.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(backups.BackupError, match="blog is not empty, it has functions, types or views"):
        backups.restore(shop.settings, file, print)


def test_a_file_that_is_not_a_backup_is_refused(shop, tmp_path):
    (tmp_path / "odd.dump").write_text("x")
    with pytest.raises(backups.BackupError, match="is not a backup of a logical database"):
        backups.restore(shop.settings, tmp_path / "odd.dump", print)
    with pytest.raises(backups.BackupError, match="file not found"):
        backups.restore(shop.settings, tmp_path / "none.dump", print)


def test_a_password_is_in_no_command_line(shop, tmp_path, monkeypatch, stack):
    commands = []
    run = subprocess.run

    def spy(command, **options):
        commands.append([str(word) for word in command])
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    all_databases.run(shop.settings, ["blog"], lambda runner: runner.up(), print, shop.folder)
    backups.dump(shop.settings, "blog", tmp_path)
    assert any("pg_dump" in words[0] for words in commands)
    assert stack.passwords.app not in str(commands)
