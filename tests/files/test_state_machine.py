"""Stateful property test of files: after any actions, the tree matches a simple model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from blog_app.files.names import casefolded
from tests.conftest import empty_all_tables
from tests.helpers.caller import API, sign_up
from tests.helpers.files_invariants import require_invariants

NAMES = st.sampled_from(["a", "A", "b", "%", "_", "\u00e9", "E\u0301"])
QUOTA = 1_300_000
"""Two large files and no third: some uploads and copies are too much."""
CONTENTS = st.sampled_from([b"", b"tea", b"coffee", b"t" * 600_000, b"t" * 600_001])


@dataclass(frozen=True)
class ExpectedNode:
    """The expected state of a folder (no data) or a file."""

    name: str
    parent: str | None
    data: bytes | None = None
    trashed_with: str | None = None


class Files(RuleBasedStateMachine):
    """A user sends valid and invalid requests for their files; `expected` is what they must have."""

    app: ClassVar[Flask]
    known = Bundle("known")

    @initialize(target=known)
    def open(self) -> None:
        empty_all_tables()
        self.ada = sign_up(self.app)
        self.expected: dict[str, ExpectedNode] = {}

    def send(self, status: int, method: str, path: str, body: Any = None, data: bytes | None = None) -> Any:
        """Send a request, whose response must have this status; return its JSON if it succeeded."""
        headers = {"Authorization": f"Bearer {self.ada.token}"}
        response = self.app.test_client().open(
            API + path, method=method, headers=headers, **({"json": body} if data is None else {"data": data})
        )
        assert response.status_code == status, response.text
        return response.json if response.content_length and status < 300 else None

    def live(self, key: str | None) -> bool:
        return key in self.expected and self.expected[key].trashed_with is None

    def inside(self, key: str | None, top: str) -> bool:
        while key is not None and key != top:
            key = self.expected[key].parent
        return key == top

    def path(self, key: str) -> str:
        thing = self.expected[key]
        return f"{self.path(thing.parent) if thing.parent else ''}/{thing.name}"

    def used(self) -> int:
        return sum(len(each.data or b"") for each in self.expected.values())

    def too_much(self, more: int) -> bool:
        return more > 0 and self.used() + more > QUOTA

    def expected_status(
        self,
        name: str,
        parent: str | None,
        *,
        moved: str | None = None,
        copied: str | None = None,
        more: int = 0,
        ok: int,
    ) -> int:
        """Return the expected status of putting a node, of `more` bytes, into a folder under a name."""
        if parent is not None and not (self.live(parent) and self.expected[parent].data is None):
            return 422
        top = moved or copied
        if top and parent and self.inside(parent, top):
            return 422
        rivals = [each for key, each in self.expected.items() if self.live(key) and key != moved]
        taken = {(casefolded(each.name), each.parent) for each in rivals}
        return 409 if self.too_much(more) or (casefolded(name), parent) in taken else ok

    @rule(target=known, name=NAMES, parent=known)
    def make(self, name: str, parent: str | None) -> str | None:
        status = self.expected_status(name, parent, ok=201)
        found = self.send(status, "POST", "/folders", {"name": name, "parent_id": parent})
        if found:
            self.expected[found["id"]] = ExpectedNode(found["name"], parent)
        return found and found["id"]

    @rule(target=known, name=NAMES, parent=known, data=CONTENTS)
    def upload(self, name: str, parent: str | None, data: bytes) -> str | None:
        place = f"&parent_id={parent}" if parent else ""
        # The quota is checked before anything else.
        status = 409 if self.too_much(len(data)) else self.expected_status(name, parent, ok=201)
        found = self.send(status, "POST", f"/files?name={name.replace('%', '%25')}{place}", data=data)
        if found:
            self.expected[found["id"]] = ExpectedNode(found["name"], parent, data)
        return found and found["id"]

    @rule(key=known, data=CONTENTS)
    def replace_content(self, key: str | None, data: bytes) -> None:
        if key:
            old = self.expected[key].data if self.live(key) else None
            status = 404 if old is None else 409 if self.too_much(len(data) - len(old)) else 200
            self.send(status, "PUT", f"/files/{key}/content", data=data)
            if status == 200:
                self.expected[key] = replace(self.expected[key], data=data)

    @rule(key=known, name=NAMES, parent=known)
    def move(self, key: str | None, name: str, parent: str | None) -> None:
        if key:
            status = self.expected_status(name, parent, moved=key, ok=200) if self.live(key) else 404
            found = self.send(status, "PUT", f"/files/{key}", {"name": name, "parent_id": parent})
            if found:
                self.expected[key] = replace(self.expected[key], name=found["name"], parent=parent)

    @rule(target=known, key=known, name=NAMES, parent=known)
    def copy(self, key: str | None, name: str, parent: str | None) -> str | None:
        if key is None or len(self.expected) > 30:
            return None
        inner = [each for k, each in self.expected.items() if self.live(k) and self.inside(k, key)]
        size = sum(len(each.data or b"") for each in inner)
        status = self.expected_status(name, parent, copied=key, more=size, ok=201) if self.live(key) else 404
        found = self.send(status, "POST", f"/files/{key}/copies", {"name": name, "parent_id": parent})
        if found:
            old = self.path(key)
            mapped = {key: found["id"]}
            for each in self.send(200, "GET", f"/files?limit=100&sort=path&under={found['path'].replace('%', '%25')}")[
                "data"
            ]:
                (original,) = [
                    k
                    for k in self.expected
                    if self.live(k) and self.path(k) == old + each["path"][len(found["path"]) :]
                ]
                mapped[original] = each["id"]
            copies = {
                mapped[k]: replace(self.expected[k], parent=mapped.get(self.expected[k].parent or "")) for k in mapped
            }
            assert len(copies) == len([k for k in self.expected if self.live(k) and self.inside(k, key)])
            self.expected |= copies
            self.expected[found["id"]] = replace(self.expected[key], name=found["name"], parent=parent)
        return found and found["id"]

    @rule(key=known)
    def throw_away(self, key: str | None) -> None:
        if key:
            self.send(204 if self.live(key) else 404, "DELETE", f"/files/{key}")
            if self.live(key):
                for each in [k for k in self.expected if self.live(k) and self.inside(k, key)]:
                    self.expected[each] = replace(self.expected[each], trashed_with=key)

    @rule(key=known)
    def bring_back(self, key: str | None) -> None:
        if key:
            thing = self.expected.get(key)
            if thing is None or thing.trashed_with not in (None, key):
                self.send(404, "PUT", f"/files/{key}/restoration")
            elif thing.trashed_with is None:
                self.send(200, "PUT", f"/files/{key}/restoration")
            else:
                parent = thing.parent if self.live(thing.parent) else None
                status = self.expected_status(thing.name, parent, ok=200)
                self.send(status, "PUT", f"/files/{key}/restoration")
                if status == 200:
                    self.expected |= {
                        k: replace(each, trashed_with=None)
                        for k, each in self.expected.items()
                        if each.trashed_with == key
                    }
                    self.expected[key] = replace(self.expected[key], parent=parent)

    @rule(key=known)
    def purge(self, key: str | None) -> None:
        if key:
            thing = self.expected.get(key)
            is_top = thing is not None and thing.trashed_with == key
            self.send(204 if is_top else 409 if self.live(key) else 404, "DELETE", f"/files/{key}/remains")
            if is_top:
                self.remove({k for k, each in self.expected.items() if each.trashed_with == key})

    @rule()
    def empty(self) -> None:
        self.send(204, "DELETE", "/trash")
        self.remove({key for key, each in self.expected.items() if each.trashed_with})

    def remove(self, keys: set[str]) -> None:
        kept = {key: each for key, each in self.expected.items() if key not in keys}
        self.expected = {k: replace(each, parent=None) if each.parent in keys else each for k, each in kept.items()}

    @invariant()
    def the_tree_is_as_it_should_be(self) -> None:
        require_invariants()
        shown = self.send(200, "GET", "/files?limit=100")["data"]
        assert {each["id"]: each["path"] for each in shown} == {k: self.path(k) for k in self.expected if self.live(k)}
        sizes = {each["id"]: each["size"] for each in shown if each["kind"] == "file"}
        files = {key: each.data for key, each in self.expected.items() if self.live(key) and each.data is not None}
        assert sizes == {key: len(data) for key, data in files.items()}
        storage = self.send(200, "GET", "/me/storage")
        assert storage == {"limit": QUOTA, "used": self.used(), "left": QUOTA - self.used()}
        trash = {each["id"] for each in self.send(200, "GET", "/trash?limit=100")["data"]}
        assert trash == {key for key, each in self.expected.items() if each.trashed_with == key}


@pytest.mark.usefixtures("app")
def test_the_tree_matches_a_simple_model_after_any_actions(
    migrated_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        migrated_app.config, "SETTINGS", replace(migrated_app.config["SETTINGS"], files_quota_bytes=QUOTA)
    )
    Files.app = migrated_app
    machine = Files.TestCase
    machine.settings = settings(max_examples=15, stateful_step_count=25)
    machine().runTest()
