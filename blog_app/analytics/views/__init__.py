"""The endpoints of analytics."""

from blog_app.http import Blueprint

blueprints: tuple[Blueprint, ...] = ()
