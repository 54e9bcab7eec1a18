"""Drift detection: whether models, migration files and the live database describe the same schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_app.config import Settings
from blog_app.operations.migrate import catalog, files, history
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.schema import comparison, shadow

MODELS, FILES, LIVE = "the models", "the migrations", "the database"


@dataclass
class DriftReport:
    """What differs in one logical database, in sentences."""

    differences: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Pending migrations and differences."""
        return self.pending + self.differences


def check(settings: Settings, name: str, models: Sequence[Any], folder: Path | None = None) -> DriftReport:
    """Compare types, nullability, defaults, checks, indexes, foreign keys; a pending migration is a problem too."""
    report = DriftReport()
    with connected(settings, name, report.notes.append) as connection:
        applied = list(history.applied(connection, name))
        wanted = shadow.schema_of_models(connection, name, models)
        live = catalog.read(connection, name)
    migrations = files.read(name, folder)
    known = {migration.name for migration in migrations}
    report.pending = [f"migration {item.name} is pending" for item in files.pending(migrations, applied)]
    report.differences += [
        f"migration {gone} is applied but its file is missing" for gone in applied if gone not in known
    ]
    try:
        made = shadow.schema_of_migrations(settings, name, folder=folder)
        due = shadow.schema_of_migrations(settings, name, only=applied, folder=folder) if report.pending else made
    except shadow.CannotCreateDatabase as error:
        report.notes.append(f"{error}, so only the models were compared with the database")
        if not report.pending:
            report.differences += comparison.compare_models(wanted, live, models, MODELS, LIVE)
        return report
    report.differences += comparison.compare_models(wanted, made, models, MODELS, FILES)
    report.differences += comparison.compare(due, live, FILES, LIVE)
    return report
