"""The seed data of the files domain."""

from __future__ import annotations

from flask import Flask

from blog_app.accounts.models import User
from blog_app.data import databases
from blog_app.development.seed import load
from blog_app.files import tree
from blog_app.files.models import Node
from tests.helpers.files_invariants import require_invariants


def test_loading_restores_seed_files_from_the_trash(app: Flask) -> None:
    for name in ("ada", "walter"):
        User.create(email=f"{name}@example.com", name=name.title(), password_hash="-")
    assert load.load("files")["nodes"] == {"new": 7}
    require_invariants()
    top = Node.get(Node.path == "/Saturdays")
    with databases.files.atomic():
        tree.move_to_trash(top)
    assert load.load("files")["nodes"] == {"changed": 4, "unchanged": 3}
    assert load.load("files")["nodes"] == {"unchanged": 7}
    require_invariants()
