"""The models of analytics."""

from blog_app.analytics.models.audit import AuditEntry
from blog_app.analytics.models.daily import DailyReferrer, DailyTotal, DailyView
from blog_app.analytics.models.page_views import PageView, VisitorSalt

__all__ = ["AuditEntry", "DailyReferrer", "DailyTotal", "DailyView", "PageView", "VisitorSalt"]
