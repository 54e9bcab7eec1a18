"""The base class of the models of analytics."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.data.models import Base


class AnalyticsBase(Base):
    """A row of the analytics database. It has no version, because facts do not change."""

    class Meta:
        database = databases.analytics
        schema = "analytics"
