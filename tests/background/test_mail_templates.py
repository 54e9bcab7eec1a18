"""Mail texts: our own, and those of a folder; what is wrong with one is found at the start."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.accounts import mail_texts, signed_tokens
from blog_app.background import mail_templates
from blog_app.config import ROOT, TOKEN_PURPOSES, ConfigurationError, Settings
from blog_app.shop import order_states
from blog_app.shop.mail_texts import ORDER_CHANGE

URLS = {"DATABASE_URL": "postgresql://127.0.0.1/blog", "APP_MODE": "test"}


def app_with(settings: Settings, folder: Path, **texts: str) -> Flask:
    """Return an app with the mail texts of `folder`, into which those of accounts are written first."""
    (folder / "accounts").mkdir()
    for name, text in texts.items():
        (folder / "accounts" / f"{name}.txt").write_text(text)
    return create_app(dataclasses.replace(settings, mail_templates=folder))


def test_a_file_of_the_folder_replaces_a_text_and_the_others_stay(settings: Settings, tmp_path: Path) -> None:
    own = "Subject: {{ site_name }}: new password\n\nHallo {{ name }}:\n{% if link %}\n{{ link }}\n{% endif %}\n"
    app = app_with(settings, tmp_path, reset_password=own)
    with app.app_context():
        subject, text = mail_texts.RESET_PASSWORD.render(name="Ada", token="t", link="https://a.example/t", hours=1)
        unchanged = mail_texts.EMAIL_CHANGED.render(name="Ada")
    assert (subject, text) == ("The Blog: new password", "Hallo Ada:\nhttps://a.example/t\n")
    assert unchanged[0] == "Your email address was changed"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("reset_password", "Subject: A\n\nHello\n{{ name", "reset_password.txt, line 4: unexpected end of template"),
        ("reset_password", "Subject: A\n\n{{ nmae }}", "reset_password.txt: 'nmae' is undefined"),
        ("reset_password", "Subject: A\n\n{{ name / 2 }}", "reset_password.txt: unsupported operand"),
        ("reset_password", "Hello {{ name }}", "reset_password.txt: the first line must be like: Subject: Your order"),
        ("reset_pasword", "Subject: A\n\nA", "reset_pasword.txt replaces no mail text"),
    ],
)
def test_the_app_does_not_start_with_a_wrong_text(
    settings: Settings, tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"MAIL_TEMPLATES: {tmp_path}/accounts/{re.escape(reason)}"):
        app_with(settings, tmp_path, **{name: text})


def test_our_own_texts_are_right(settings: Settings, tmp_path: Path) -> None:
    assert app_with(settings, tmp_path)


def test_a_folder_that_is_missing_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing is no folder"):
        create_app(dataclasses.replace(settings, mail_templates=tmp_path / "missing"))


def test_a_variable_cannot_add_a_header_or_a_template(settings: Settings, tmp_path: Path) -> None:
    app = app_with(settings, tmp_path, email_set="Subject: Hello {{ name }}\n\n{{ name }}")
    with app.app_context():
        subject, text = mail_texts.EMAIL_SET.render(name="Ada\r\nBcc: eve@example.com {{ site_name }}")
    assert subject == "Hello Ada Bcc: eve@example.com {{ site_name }}"
    assert "{{ site_name }}" in text


def test_a_missing_or_unknown_variable_is_refused(migrated_app: Flask) -> None:
    with migrated_app.app_context(), pytest.raises(TypeError, match="has the variables name"):
        mail_texts.EMAIL_SET.render(nmae="Ada")


def test_every_purpose_of_a_token_has_a_page(migrated_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"SITE_URL": "https://a.example/", "INVITATION_URL": "https://b.example/#join={token}"}
    monkeypatch.setitem(migrated_app.config, "SETTINGS", Settings.from_environment(URLS | own))
    purposes = [each for each in vars(signed_tokens).values() if isinstance(each, signed_tokens.Purpose)]
    with migrated_app.app_context():
        found = {purpose.name: mail_texts.token_variables(purpose, id="1") for purpose in purposes}
    assert set(found) == set(TOKEN_PURPOSES)
    reset, invitation = found["password reset"], found["invitation"]
    assert reset["link"] == f"https://a.example/password-reset?token={reset['token']}"
    assert invitation["link"] == f"https://b.example/#join={invitation['token']}"
    with pytest.raises(ConfigurationError, match=r"RESET_URL must contain \{token\}"):
        Settings.from_environment(URLS | {"PASSWORD_RESET_URL": "https://a.example/reset"})


def test_every_change_of_an_order_has_a_text(migrated_app: Flask) -> None:
    variables = ORDER_CHANGE.examples
    with migrated_app.app_context():
        for new in {*order_states.STATUS, *order_states.PAYMENT} - {"pending"}:
            assert "It is now" not in ORDER_CHANGE.render(**{**variables, "new": new})[1]


def test_the_reference_names_every_text_and_its_variables() -> None:
    table = (ROOT / "docs/reference/configuration.md").read_text()
    for name, template in mail_templates.TEMPLATES.items():
        assert f"`{name}.txt`" in table
        assert all(f"`{variable}`" in table for variable in template.examples)
