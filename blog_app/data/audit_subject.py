"""Which record an action is about, and what it held before: models note it, the audit trail (`audit`) tells it.

What may be told of a record, its model says in its `Meta`; of a field that is in neither list, nothing is:

    audited = ("title", "status")     fields that are told with their values, before and after
    redacted = ("content", "email")   fields of which is told that they changed, never what they hold
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

EMPTY: tuple[Any, ...] = (None, "", {})
"""What is not told of a record that was made or deleted."""


class Subject:
    """The record that an action is about: the first that it loads, changes, makes or deletes, unless it returns one."""

    __slots__ = ("before", "gone", "record")

    def __init__(self) -> None:
        self.record: Any = None
        self.before: dict[str, Any] = {}
        """What the record held; empty if that is not known, because the action made it."""
        self.gone = False
        """Whether the action deleted it."""

    def changes(self) -> dict[str, dict[str, Any]]:
        """Return what was `before` and `after` in each column that may be told and changed; redacted ones without."""
        if self.record is None:
            return {}
        before, after = self.before, {} if self.gone else values_of(self.record)
        meta, redacted = self.record._meta, _of(self.record, "redacted")
        found: dict[str, dict[str, Any]] = {}
        for name in after or before:
            if before and after:
                if before[name] == after[name]:
                    continue
            elif (before or after)[name] in EMPTY:
                continue
            change = found[meta.fields[name].column_name] = {}
            if name in redacted:
                change["redacted"] = True
                continue
            if name in before:
                change["before"] = before[name]
            if name in after:
                change["after"] = after[name]
        return found


current: ContextVar[Subject | None] = ContextVar("current", default=None)
"""The subject of the action that runs, if one does."""


def note(record: Any, *, new: bool = False) -> None:
    """Let the running action be about this record if it is about none yet; call it before the record changes."""
    subject = current.get()
    if subject is not None and subject.record is None:
        subject.record = record
        subject.before = {} if new else values_of(record)


def note_gone(record: Any) -> None:
    """Note that this record is about to be deleted for good."""
    note(record)
    subject = current.get()
    if subject is not None and subject.record is record:
        subject.gone = True


def note_result(record: Any) -> None:
    """Let the running action be about the record that it returned, whatever it wrote first."""
    subject = current.get()
    if subject is not None and subject.record is not record:
        subject.record, subject.before, subject.gone = record, {}, False


def values_of(record: Any) -> dict[str, Any]:
    """Return what the record holds in the fields of which anything may be told."""
    data = record.__data__
    return {name: data.get(name) for name in _of(record, "audited") + _of(record, "redacted")}


def _of(record: Any, option: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(record._meta, option, ())
    return found
