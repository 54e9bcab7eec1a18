"""A migration for each risky kind of change of `blog.posts`, in their order."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = "atomic = False\n"
OWN_COLUMN = 'safe = {"ban-drop-column": "only the rehearsal uses this column"}\n'
SAME_NAME = 'safe = {"ban-drop-column": "the new column has the same name and values"}\n'


@dataclass(frozen=True)
class Change:
    title: str
    migrate: str
    head: str = STEPS
    rollback: str = "migrator.run(lambda: None)"

    def file(self) -> str:
        """Return the migration file."""
        return (
            f'"""{self.title}."""\nimport peewee as pw\n{self.head}\n'
            f"def migrate(migrator, database, *, fake=False):\n    {self.migrate}\n\n"
            f"def rollback(migrator, database, *, fake=False):\n    {self.rollback}\n"
        )


CHANGES = (
    Change(
        "Add columns, one of them required",
        'migrator.add_fields("posts", stars=pw.IntegerField(default=0), mood=pw.TextField(null=True), '
        "other=pw.UUIDField(null=True))",
        head="",
    ),
    Change("Build an index", 'migrator.add_index_concurrently("posts", "stars", "id", name="posts_stars")'),
    Change(
        "Build a unique, partial index on an expression",
        'migrator.add_index_concurrently("posts", "upper(slug)", unique=True, where="stars < 9", name="posts_up")',
    ),
    Change("Add a check", 'migrator.add_check("posts", "posts_stars_known", "stars BETWEEN 0 AND 5")'),
    Change("Add a foreign key", 'migrator.add_foreign_key("posts", "other", "categories", on_delete="SET NULL")'),
    Change("Set a default", 'migrator.add_default("posts", "mood", "calm")', head=""),
    Change("Backfill a column", """migrator.backfill("posts", "mood = 'calm'", where="mood IS NULL")"""),
    Change("Require a column", 'migrator.set_not_null("posts", "mood")'),
    Change("Rename a column: expand", 'migrator.expand_rename("posts", "mood", "temper", "text")', head=""),
    Change("Rename a column: fill", 'migrator.backfill("posts", "temper = mood", where="temper IS NULL")'),
    Change("Rename a column: contract", 'migrator.contract_rename("posts", "mood", "temper")', head=STEPS + OWN_COLUMN),
    Change(
        "Change the type of a column that the app writes: expand",
        'migrator.expand_type("posts", "word_count", "bigint", forward="NEW.word_count", '
        'backward="NEW.word_count__new::integer")',
        head="",
    ),
    Change(
        "Change its type: fill",
        'migrator.backfill("posts", "word_count__new = word_count", where="word_count__new IS NULL")',
    ),
    Change(
        "Change its type: contract",
        'migrator.set_not_null("posts", "word_count__new"); migrator.contract_type("posts", "word_count")',
        head=STEPS + SAME_NAME,
    ),
    Change("Drop an index", 'migrator.drop_index_concurrently("posts_stars")'),
    Change("Drop columns", 'migrator.remove_fields("posts", "stars", "other")', head=OWN_COLUMN),
)
