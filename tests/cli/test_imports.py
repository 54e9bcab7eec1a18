"""What a process imports: a web worker serves, so it loads no commands, no development tools and no operations."""

from __future__ import annotations

import subprocess
import sys

from blog_app.config import ROOT

SERVED_BY_HEALTH = {
    "blog_app.operations.migrate",
    "blog_app.operations.migrate.app_models",
    "blog_app.operations.migrate.files",
    "blog_app.operations.migrate.history",
    "blog_app.operations.migrate.status",
}
LISTED_BY_THE_APP = {"blog_app.cli", "blog_app.cli.audited"}


def imported_by(code: str) -> set[str]:
    """Return the modules that a new process has when it has run `code`."""
    environment = {"APP_MODE": "test", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    report = "import sys; print(*sys.modules)"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_web_worker_imports_only_what_it_serves() -> None:
    modules = imported_by("import wsgi")
    unneeded = {
        name for name in modules if name.startswith(("blog_app.cli", "blog_app.development.", "blog_app.operations."))
    }
    assert unneeded == LISTED_BY_THE_APP | SERVED_BY_HEALTH
    assert not modules & {"peewee_migrate", "rich"}


def test_a_command_imports_no_other_command() -> None:
    modules = imported_by("import wsgi; wsgi.app.cli.get_command(None, 'worker')")
    assert {name for name in modules if name.startswith("blog_app.cli.")} == LISTED_BY_THE_APP - {"blog_app.cli"} | {
        "blog_app.cli.worker"
    }
