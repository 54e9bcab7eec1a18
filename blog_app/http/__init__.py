"""The API's manners: what every resource has in common, so that a domain only says what is its own."""

from blog_app.http.blueprint import Blueprint
from blog_app.http.schema import Schema

__all__ = ["Blueprint", "Schema"]
