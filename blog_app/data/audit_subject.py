"""The audit subject: the record that an audited action is about, with its values before and after. Models capture it.

A model's `Meta` says what an audit entry may show of its records; other fields never appear:

    audited = ("title", "status")     fields shown with their values, before and after
    redacted = ("content", "email")   fields shown as changed, without their values
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

EMPTY: tuple[Any, ...] = (None, "", {})
"""Values that an entry about a created or deleted record leaves out."""


class Subject:
    """The record that an action is about: the one it returns, else the first that it changes, creates or deletes."""

    __slots__ = ("before", "deleted", "further", "record")

    def __init__(self) -> None:
        self.record: Any = None
        self.before: dict[str, Any] = {}
        """The values of the record before; empty if the action created it."""
        self.deleted = False
        """Whether the action deleted it."""
        self.further: dict[str, dict[str, Any]] = {}
        """Changes that are in no column of the record."""

    def changes(self) -> dict[str, dict[str, Any]]:
        """Return the values `before` and `after` of each changed column; redacted ones without values."""
        if self.record is None:
            return {}
        before, after = self.before, {} if self.deleted else _shown_values(self.record)
        meta, redacted = self.record._meta, getattr(self.record._meta, "redacted", ())
        found: dict[str, dict[str, Any]] = dict(self.further)
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
"""The subject of the running action, if there is one."""


def capture(record: Any, *, new: bool = False) -> None:
    """Make this record the subject of the running action if it has none yet; call it before the record changes."""
    subject = current.get()
    if subject is not None and subject.record is None:
        subject.record = record
        subject.before = {} if new else _shown_values(record)


def capture_deleted(record: Any) -> None:
    """Capture a record that is about to be deleted permanently."""
    capture(record)
    subject = current.get()
    if subject is not None and subject.record is record:
        subject.deleted = True


def capture_result(record: Any) -> None:
    """Make the returned record the subject of the running action, whatever it wrote first."""
    subject = current.get()
    if subject is not None and subject.record is not record:
        subject.record, subject.before, subject.deleted = record, {}, False


def record_change(name: str, before: Any, after: Any) -> None:
    """Add a change to the entry of the running action that is in no column of its subject, such as its links."""
    subject = current.get()
    if subject is not None:
        subject.further[name] = {"before": before, "after": after}


def _shown_values(record: Any) -> dict[str, Any]:
    """Return the values of the record's audited and redacted fields."""
    shown = (*getattr(record._meta, "audited", ()), *getattr(record._meta, "redacted", ()))
    return {name: record.__data__.get(name) for name in shown}
