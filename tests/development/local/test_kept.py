"""Servers that outlive a test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from blog_app.development.local import kept
from blog_app.development.local.process import wait_until

COUNT = "SELECT count(*) FROM pg_database WHERE datname = 'left_over'"


def test_servers_are_kept_until_their_file_is_gone_and_used_by_one_run_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    try:
        with kept.kept("one", {}) as first:
            first.postgres.create_database("left_over", owner="blog_app")
            with kept.kept("one", {}) as other:
                assert other.postgres.execute(COUNT) == [(0,)]
        with kept.kept("one", {}) as again:
            assert again.postgres.execute(COUNT) == [(1,)]
            assert all(server.responds() for server in again.servers)
    finally:
        (tmp_path / "one.json").unlink()
    assert wait_until(lambda: not first.folder.exists(), 60)


def test_after_a_change_of_the_settings_the_kept_servers_are_not_used(tmp_path: Path) -> None:
    described = tmp_path / "one.json"
    described.write_text('{"key": "another", "folder": "/", "ports": [1, 2, 3], "passwords": ["", ""]}')
    assert kept._attached(None, described, {}) is None  # type: ignore[arg-type]
    described.write_text("half")
    assert kept._attached(None, described, {}) is None  # type: ignore[arg-type]
