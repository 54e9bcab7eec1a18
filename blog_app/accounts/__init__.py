"""The accounts domain: users, roles and tokens."""

from blog_app.accounts.views import session, users

blueprints = (session, users)
