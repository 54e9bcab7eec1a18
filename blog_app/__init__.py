"""A blog platform's backend: a JSON API over several logical databases."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask

from blog_app import analytics, api, blog, cli, errors, health, shop
from blog_app.accounts import directory, last_seen
from blog_app.api import auth
from blog_app.api.token_cache import TokenCache
from blog_app.background import mail_templates
from blog_app.background.outbox import wake_up
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import cache, databases, slots, value_cache, watermarks

DOMAINS = tuple(import_module(f"{__name__}.{name}") for name in DATABASE_NAMES)
"""A package for each logical database, with its `blueprints`."""


class App(Flask):
    """A Flask app without asynchronous views, which need not be looked for on each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Return the app that `settings`, by default the environment, describe; raise `ConfigurationError`."""
    settings = settings or Settings.from_environment()
    app = App(__name__, static_folder=None)
    app.config.update(SETTINGS=settings, SECRET_KEY=settings.secret_key, MAX_CONTENT_LENGTH=settings.max_body_bytes)
    errors.init_app(app)
    slots.init_app(app)
    databases.init_app(app)
    watermarks.init_app(app)
    cache.init_app(app)
    value_cache.init_app(app)
    wake_up.init_app(app)
    mail_templates.init_app(app)
    seen = last_seen.Recorder(settings.last_seen_minutes)
    auth.init_app(app, TokenCache(directory.token_holder, directory.token_holder_depends_on, seen.record))
    api.init_app(app)
    for domain in DOMAINS:
        for blueprint in domain.blueprints:
            app.register_blueprint(blueprint, url_prefix=api.docs.API + blueprint.url_prefix)
    api.require_permissions(app)
    analytics.init_app(app)
    shop.init_app(app)
    for page in blog.pages:
        app.register_blueprint(page)
    health.init_app(app)
    cli.init_app(app)
    return app
