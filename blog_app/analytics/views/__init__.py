"""The endpoints of analytics."""

from blog_app.analytics.views.audit import audit_entries
from blog_app.analytics.views.caching import caching
from blog_app.analytics.views.page_views import page_views

blueprints = (audit_entries, page_views, caching)
