"""Recording the audit trail: who did what to which object, for every write operation of the API and every command.

    with audit.AuditedAction("posts.change_post", audit.user_actor(user_id), databases.blog):
        ...                                         # models set the audit subject, and what it held before

It is automatic: blueprint operations are audited actions, `cli.audited` makes one of each command that changes
something, and a model declares which of its fields are audited or redacted (see `blog_app.data.audit_subject`).

Guarantees:

* **An entry if and only if the change commits.** It is the event `action.done`, published in the transaction of the
  change, or, if the operation opens that itself, in the first that it commits. A refused or rolled back change leaves
  no entry, and a replay by Idempotency-Key leaves no second one.
* **One entry an action**, however much it writes; a request that does what two operations do is two (`next_action`).
  Its subject is the record that it loads or returns, else the first that it writes, else the caller's own account.
* **Stored once**: the worker delivers it to the analytics database, where the event's id is the entry's id.
* **No secrets**: the value of a field that is not declared, or is redacted, never leaves its database.

What is not promised, and what is not audited, is in docs/reference/audit-trail.md.
"""

from __future__ import annotations

import logging
import os
import pwd
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from blog_app.background.outbox.publishing import publish_event
from blog_app.data import audit_subject, databases
from blog_app.data.databases import DATABASE_ERRORS, LogicalDatabase, Server, first_line
from blog_app.data.databases.servers import BEFORE_COMMIT
from blog_app.logs import request_id

log = logging.getLogger(__name__)

ACTORS = ("user", "anonymous", "command")


class Actor(NamedTuple):
    """Who performs an action."""

    type: str
    id: UUID | None = None
    """The user's id, of a `user`."""
    name: str | None = None
    """The operating system's user, of a `command`."""


def user_actor(user_id: UUID | None) -> Actor:
    """Return the actor for a caller of the API; `user_id` is None for a caller without a token."""
    return Actor("user", user_id) if user_id else Actor("anonymous")


def command_actor() -> Actor:
    """Return the actor for a command: the process's effective user, whatever the environment says."""
    number = os.geteuid()
    try:
        return Actor("command", name=pwd.getpwuid(number).pw_name)
    except KeyError:  # A container may run as a user id without a name.
        return Actor("command", name=str(number))


class AuditedAction(audit_subject.Subject):
    """A context manager that records one audit entry, unless its body fails before anything is committed.

    With a `database` the entry belongs to the transaction that runs at the start, or to the first that commits within.
    Without one (a command) it belongs to the first that commits in any database.
    """

    __slots__ = ("actor", "database", "name", "recorded", "token", "wrote_directly")

    def __init__(self, name: str, actor: Actor, database: LogicalDatabase | None = None) -> None:
        super().__init__()
        self.name = name
        self.actor = actor
        self.database = database
        self.recorded = False
        self.wrote_directly = False
        """Whether the command committed through its own connection, where no entry can be recorded."""

    def __enter__(self) -> Self:
        self.token = audit_subject.current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        audit_subject.current.reset(self.token)
        if self.recorded or (kind is not None and not self.wrote_directly):
            return
        if self.database is None:
            self._record_in_any_outbox()
        elif self.database.in_transaction():
            self.record_entry(self.database)
        else:
            with self.database.atomic():
                self.record_entry(self.database)

    def record_entry(self, database: LogicalDatabase) -> None:
        """Publish the entry in the running transaction of `database`."""
        self.recorded = True
        subject_type, subject_id, owner_id = self._subject()
        entry = {
            "actor_type": self.actor.type,
            "actor_id": self.actor.id,
            "actor_name": self.actor.name,
            "action": self.name,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "owner_id": owner_id,
            "changes": self.changes(),
            "request_id": request_id(),
        }
        publish_event(database, "action.done", entry=entry)

    def _subject(self) -> tuple[str | None, Any, Any]:
        """Return the subject's type (its table), its id, and its owner's id."""
        if self.record is not None:
            meta = self.record._meta
            return f"{meta.schema}.{meta.table_name}", self.record.id, getattr(self.record, "owner_id", None)
        if self.actor.id is not None:
            return "accounts.users", self.actor.id, self.actor.id
        return None, None, None

    def _record_in_any_outbox(self) -> None:
        """Publish the entry in the first outbox that accepts it: after a migration or a move some may not exist."""
        for database in (databases.analytics, *databases.ALL):
            try:
                with database.atomic():
                    self.record_entry(database)
                return
            except DATABASE_ERRORS as error:
                reason = first_line(error)
        log.warning("no audit entry for %s by %s: %s", self.name, self.actor.name, reason)


def next_action(name: str) -> AuditedAction:
    """Record the entry of the running action now; return another of the same actor, for what follows it."""
    running = audit_subject.current.get()
    assert isinstance(running, AuditedAction)
    assert running.database
    running.record_entry(running.database)
    return AuditedAction(name, running.actor, running.database)


def _before_commit(server: Server) -> None:
    action = audit_subject.current.get()
    if not isinstance(action, AuditedAction) or action.recorded:
        return
    database = databases.BY_NAME[server.name]
    if database.obj is not server:
        action.wrote_directly = True
    elif action.database in (None, database):
        action.record_entry(database)


BEFORE_COMMIT.append(_before_commit)
