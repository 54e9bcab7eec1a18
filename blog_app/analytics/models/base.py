"""What the tables of analytics have in common."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.data.models import Base


class AnalyticsBase(Base):
    """A row of the analytics database: what happened does not change, so it has no version."""

    class Meta:
        database = databases.analytics
        schema = "analytics"
