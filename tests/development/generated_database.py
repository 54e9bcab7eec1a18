"""Tests of the generated logical database `crm`: `test_generate` runs them in a copy of the repository."""

from pathlib import Path

from flask import Flask

from blog_app.background import jobs
from blog_app.background.outbox.tables import DELIVERIES
from blog_app.development.local.stack import Stack
from tests.helpers.caller import sign_up
from tests.helpers.worker import deliver_all


def test_the_app_and_the_worker_know_it(app: Flask) -> None:
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json["checks"]["crm"]["status"]) == (200, "ok")
    admin = sign_up(app, "admin")
    contact = admin.post("/contacts", {"name": "Ada"}, **{"Idempotency-Key": "1"}).json
    assert admin.get(f"/contacts/{contact['id']}").json["name"] == "Ada"
    assert admin.post("/contacts", {"name": "Ada"}, **{"Idempotency-Key": "1"}).json == contact
    assert DELIVERIES["crm"].select().count() == 1
    deliver_all(app)
    [entry] = admin.get(f"/audit-entries?subject_id={contact['id']}").json["data"]
    assert (entry["action"], entry["subject_type"]) == ("contacts.create_contact", "crm.contacts")
    assert DELIVERIES["crm"].select().count() == 0
    assert "crm.purge_idempotency_keys" in jobs.JOBS


def test_the_commands_know_it(app: Flask, stack: Stack, tmp_path: Path) -> None:
    stack.postgres.create_database("target", owner="blog_app")
    target = stack.postgres.url("target", "blog_app", stack.passwords.app)
    pooler = ["pgbouncer", "--output", str(tmp_path / "pgbouncer")]
    for command, said in (
        (["migrate", "status", "--database", "crm"], "003_add_contacts"),
        (["migrate", "check", "--database", "crm"], "crm"),
        (["seed", "--database", "crm"], "crm.contacts: 2 new"),
        (["databases"], "crm"),
        (["databases", "move", "crm", "--to", target, "--dry-run"], "crm can be moved"),
        (["outbox", "status"], "crm"),
        (pooler, "wrote"),
        ([*pooler, "--check"], "up to date"),
    ):
        result = app.test_cli_runner().invoke(args=command)
        assert (result.exit_code, said in result.output) == (0, True), (command, result.output)
    assert "\ncrm = " in (tmp_path / "pgbouncer" / "pgbouncer.ini").read_text()
