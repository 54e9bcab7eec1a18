"""Known clients: the networks from which an account was signed in to, which an attack from elsewhere does not slow."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class KnownClient(pw.Model):
        key = pw.BlobField(primary_key=True)
        seen_at = pw_pext.DateTimeTZField(index=True)

        class Meta:
            table_name = "known_clients"
            schema = "accounts"


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("known_clients")
