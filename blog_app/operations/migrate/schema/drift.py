"""Drift: whether models, migration files and the live database describe one and the same schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_app.config import Settings
from blog_app.operations.migrate import files, history
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.schema import catalog, comparison, shadow

MODELS, FILES, LIVE = "the models", "the migrations", "the database"


@dataclass
class Report:
    """The outcome for one logical database, in sentences."""

    differences: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All that is not in order."""
        return self.pending + self.differences


def check(settings: Settings, name: str, models: Sequence[Any], folder: Path | None = None) -> Report:
    """Compare types, nullability, defaults, checks, indexes, foreign keys; what is pending is a difference too."""
    report = Report()
    with connected(settings, name, report.notes.append) as connection:
        applied = list(history.applied(connection, name))
        wanted = shadow.of_models(connection, name, models)
        live = catalog.read(connection, name)
    known = [migration.name for migration in files.read(name, folder)]
    pending = [migration for migration in known if migration not in applied]
    report.pending = [f"migration {migration} is pending" for migration in pending]
    report.differences += [f"migration {gone} is applied, and has no file" for gone in applied if gone not in known]
    try:
        made = shadow.of_migrations(settings, name, folder=folder)
        due = shadow.of_migrations(settings, name, only=applied, folder=folder) if pending else made
    except shadow.NoScratch as error:
        report.notes.append(f"{error}: only the models were compared with the database")
        if not pending:
            report.differences += comparison.compare_models(wanted, live, models, MODELS, LIVE)
        return report
    report.differences += comparison.compare_models(wanted, made, models, MODELS, FILES)
    report.differences += comparison.compare(due, live, FILES, LIVE)
    return report
