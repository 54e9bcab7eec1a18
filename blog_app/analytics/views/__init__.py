"""The endpoints of analytics."""

from blog_app.analytics.views.page_views import page_views

blueprints = (page_views,)
