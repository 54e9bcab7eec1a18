"""Mail texts: Jinja2 templates, plain text, which the folder `MAIL_TEMPLATES` can replace one by one.

    RESET_PASSWORD = MailTemplate("accounts/reset_password", name="Ada", token="…")  # An example of each variable.
    subject, text = RESET_PASSWORD.render(name=user.name, token=token)

The template `accounts/reset_password` is the file `accounts/reset_password.txt` of that folder, else
`blog_app/accounts/mails/reset_password.txt`. Its first line is `Subject: …`. All templates know `site_name` and
`site_url`.

Guarantees: if there is such a folder, each template is rendered with its examples when the app starts, which does not
start with a broken or a misnamed one. A subject stays one line, whatever its variables hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from flask import Flask, current_app

from blog_app.config import ROOT, ConfigurationError

EXTENSION = "mail_templates"
SUBJECT = "Subject: "
SUFFIX = ".txt"

MailText = tuple[str, str]
"""A subject and a body."""


class MailTemplate:
    """A mail, without the values of its variables."""

    def __init__(self, name: str, /, **examples: Any) -> None:
        self.name = name
        self.examples = examples
        TEMPLATES[name] = self

    def render(self, **variables: Any) -> MailText:
        """Return the mail's subject and its text."""
        if variables.keys() != self.examples.keys():
            raise TypeError(f"{self.name} has the variables {', '.join(self.examples)}")
        subject, text = (part.render(variables) for part in _load(current_app, self.name))
        return " ".join(subject.split()), text.strip() + "\n"


TEMPLATES: dict[str, MailTemplate] = {}
"""All templates, by name."""


def init_app(app: Flask) -> None:
    """Check the templates of `MAIL_TEMPLATES`; raise `ConfigurationError`, one line for each that is wrong."""
    app.extensions[EXTENSION] = {}
    folder = app.config["SETTINGS"].mail_templates
    if folder is None:
        return  # Tests check our own.
    if not folder.is_dir():
        raise ConfigurationError(f"MAIL_TEMPLATES: {folder} is no folder")
    known = {folder / f"{name}{SUFFIX}" for name in TEMPLATES}
    unknown = sorted({*folder.rglob(f"*{SUFFIX}")} - known)
    problems = [f"MAIL_TEMPLATES: {path} replaces no mail text" for path in unknown]
    for name, template in TEMPLATES.items():
        try:
            with app.app_context():
                template.render(**template.examples)
        except Exception as error:  # A template can raise anything.
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            problems.append(f"MAIL_TEMPLATES: {_path(name, folder)}{line}: {error}")
    if problems:
        raise ConfigurationError("\n".join(problems))


def _load(app: Flask, name: str) -> tuple[jinja2.Template, jinja2.Template]:
    """Return the templates of a mail's subject and text, which are read once."""
    loaded, settings = app.extensions[EXTENSION], app.config["SETTINGS"]
    if name not in loaded:
        subject, _, text = _path(name, settings.mail_templates).read_text().partition("\n")
        if not subject.startswith(SUBJECT):
            raise ValueError(f"the first line must be like: {SUBJECT}Your order")
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - no HTML
        environment.globals = {"site_name": settings.site_name, "site_url": settings.site_url}
        # The empty line keeps the line numbers of errors.
        parts = subject.removeprefix(SUBJECT), f"\n{text}"
        loaded[name] = tuple(map(environment.from_string, parts))
    return loaded[name]


def _path(name: str, folder: Path | None) -> Path:
    domain, _, mail = name.partition("/")
    own = folder and folder / f"{name}{SUFFIX}"
    return own if own and own.exists() else ROOT / "blog_app" / domain / "mails" / f"{mail}{SUFFIX}"
