"""The audit trail: who did what to which object, told by every action of the API and every command.

    with audit.Action("posts.change_post", audit.user(user_id), databases.blog):
        ...                                         # models note what it is about, and what that held before

Nobody has to remember it: operations of blueprints are actions, `cli` makes one of each command that changes something,
and what may be told of a record is declared by its model (see `acting`).

Guarantees:

* **An entry if and only if the change commits.** It is the event `action.done`, written in the transaction of the
  change, or, where an operation opens that itself, in the first that it commits. What is refused or rolled back leaves
  no entry, and a request that is repeated with its Idempotency-Key no second one.
* **One entry an action**, however much it writes: about the record that it loads or returns, else the first that it
  writes, else the caller's own account.
* **Once**: the worker takes it to the analytics database, where the event's identifier is the entry's.
* **No secrets**: what a field holds that is not declared, or is redacted, never leaves its database.

Not promised: when an entry arrives (within about two seconds, later while the worker or a database is away), nor that
entries of several databases arrive in their order; they are sorted by the time of the action. A command that writes by
connections of its own (migrating, restoring, moving) has its entry written when it ends, in a transaction of its own;
killed before that, or where no outbox is left, it leaves none.

No action is: reading, and the page views that it counts; what the worker does by itself or because of an event, which
follows from an action that is told, or from time.
"""

from __future__ import annotations

import logging
import os
import pwd
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

import peewee

from blog_app.background.outbox.publishing import publish_event
from blog_app.data import audit_subject, databases
from blog_app.data.databases import LogicalDatabase, Server, first_line
from blog_app.data.databases.servers import BEFORE_COMMIT
from blog_app.logs import request_id

log = logging.getLogger(__name__)

ACTORS = ("user", "anonymous", "command")


class Actor(NamedTuple):
    """Who acts."""

    type: str
    id: UUID | None = None
    """Of a user."""
    name: str | None = None
    """Of a command: the operating system's user who runs it."""


def user(user_id: UUID | None) -> Actor:
    """Return the actor for a caller of the API, None for one without a token."""
    return Actor("user", user_id) if user_id else Actor("anonymous")


def operator() -> Actor:
    """Return the actor for a command: whom the operating system names, not whom the environment does."""
    number = os.geteuid()
    try:
        return Actor("command", name=pwd.getpwuid(number).pw_name)
    except KeyError:  # A container may run as a number without a name.
        return Actor("command", name=str(number))


class Action(audit_subject.Subject):
    """What somebody does while this context lasts; it is told when it ends without an exception, or earlier.

    In a `database` it belongs to the transaction that runs when it begins, or to the first that commits within.
    Without one (a command) it belongs to the first that commits in any.
    """

    __slots__ = ("actor", "database", "elsewhere", "name", "token", "told")

    def __init__(self, name: str, actor: Actor, database: LogicalDatabase | None = None) -> None:
        super().__init__()
        self.name = name
        self.actor = actor
        self.database = database
        self.told = False
        self.elsewhere = False
        """Whether something was committed where no entry can be written: through a connection of the command's own."""

    def __enter__(self) -> Self:
        self.token = audit_subject.current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        audit_subject.current.reset(self.token)
        if self.told or (kind is not None and not self.elsewhere):
            return
        if self.database is None:
            self._tell_at_last()
        elif self.database.in_transaction():
            self.tell(self.database)
        else:
            with self.database.atomic():
                self.tell(self.database)

    def tell(self, database: LogicalDatabase) -> None:
        """Write the entry in the running transaction of `database`."""
        self.told = True
        actor_type, actor_id, actor_name = self.actor
        subject_type, subject_id, owner_id = self._about()
        entry = {
            "actor_type": actor_type,
            "actor_id": actor_id,
            "actor_name": actor_name,
            "action": self.name,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "owner_id": owner_id,
            "changes": self.changes(),
            "request_id": request_id(),
        }
        publish_event(database, "action.done", entry=entry)

    def _about(self) -> tuple[str | None, Any, Any]:
        """Return the table and identifier of the subject, and whose it is."""
        if self.record is not None:
            meta = self.record._meta
            return f"{meta.schema}.{meta.table_name}", self.record.id, getattr(self.record, "owner_id", None)
        if self.actor.id is not None:
            return "accounts.users", self.actor.id, self.actor.id
        return None, None, None

    def _tell_at_last(self) -> None:
        """Write the entry into any outbox that takes it: after migrations and moves, some may not."""
        for database in (databases.analytics, *databases.ALL):
            try:
                with database.atomic():
                    self.tell(database)
                return
            except (peewee.DatabaseError, peewee.InterfaceError) as error:
                problem = first_line(error)
        log.warning("%s by %s is not in the audit trail: %s", self.name, self.actor.name, problem)


def _before_commit(server: Server) -> None:
    action = audit_subject.current.get()
    if not isinstance(action, Action) or action.told:
        return
    database = databases.BY_NAME[server.name]
    if database.obj is not server:
        action.elsewhere = True
    elif action.database in (None, database):
        action.tell(database)


BEFORE_COMMIT.append(_before_commit)
