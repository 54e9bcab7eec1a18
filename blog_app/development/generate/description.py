"""A resource to be: what is known of it, and the code that follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blog_app.data.models import Base
from blog_app.development.generate.fields import Field
from blog_app.development.generate.names import Names

TEMPLATES = Environment(  # noqa: S701 (what comes out is Python, not HTML)
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Resource:
    """A resource to be, in the domain of one logical database."""

    database: str
    names: Names
    fields: tuple[Field, ...]
    base: type[Base]
    """What the models of the domain derive from."""

    def audited(self, *, short: bool) -> tuple[str, ...]:
        """Return the fields that the audit trail tells with their values, which are short, or the others."""
        return tuple(field.name for field in self.fields if field.kind.filterable is short)

    def render(self, template: str, **values: Any) -> str:
        """Return the code that a template makes of this resource and of further values."""
        given = {"names": self.names, "fields": self.fields, "base": self.base, "database": self.database}
        given |= {"audited": self.audited(short=True), "redacted": self.audited(short=False)}
        return TEMPLATES.get_template(f"{template}.py.jinja").render(given | values)
