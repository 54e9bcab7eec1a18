"""The relationship of two users: a friend request, a friendship, or a block."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Pair(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        low = pw.ForeignKeyField(
            backref="+",
            column_name="low_id",
            field="id",
            model=migrator.orm["users"],
            on_delete="CASCADE",
            index=False,
        )
        high = pw.ForeignKeyField(
            backref="+", column_name="high_id", field="id", model=migrator.orm["users"], on_delete="CASCADE"
        )
        requester = pw.ForeignKeyField(
            backref="+",
            column_name="requester_id",
            field="id",
            model=migrator.orm["users"],
            null=True,
            on_delete="CASCADE",
            index=False,
        )
        friends_since = pw_pext.DateTimeTZField(null=True)
        low_blocks = pw.BooleanField(constraints=[pw.SQL("DEFAULT false")])
        high_blocks = pw.BooleanField(constraints=[pw.SQL("DEFAULT false")])

        class Meta:
            table_name = "pairs"
            schema = "accounts"
            indexes = [(("low", "high"), True)]
            constraints = [
                pw.Check("low_id < high_id", name="pairs_low_is_lower"),
                pw.Check("requester_id IN (low_id, high_id)", name="pairs_requester_is_one_of_them"),
                pw.Check(
                    "CASE WHEN low_blocks OR high_blocks THEN num_nonnulls(requester_id, friends_since) = 0 "
                    "ELSE requester_id IS NOT NULL END",
                    name="pairs_is_one_thing",
                ),
            ]


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("pairs")
