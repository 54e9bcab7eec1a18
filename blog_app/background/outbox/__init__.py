"""What must happen elsewhere happens, once: facts that cross logical databases.

    outbox.publish(databases.accounts, "user.left", subject=user.id)      # in the transaction of the change

    @outbox.on("user.left", databases.shop)                               # in the domain that reacts
    def cancel_open_orders(event: outbox.Event) -> None:
        "Cancel the orders of a user who left that were not sent yet."

`publish` writes one row for each handler into the `outbox` table of the database that changes, in one message with
COMMIT, so the fact is recorded if and only if the change commits. `flask worker`, of which any number may run, takes
the rows from there.

Guarantees:

* **At least once, with an effect once.** The handler and its line in `processed_events` of the database it writes to
  are one transaction; a delivery repeated after a crash finds the line and does nothing. What a handler does outside
  its database, such as sending mail, may happen twice if the worker dies in the moment after it.
* **In order for each handler and subject**, where changes of one subject wait for one another (a row lock). Subjects
  and handlers do not wait for each other. What is frequent is handled by the batch (`on(…, batch=500)`).
* **A failure is tried again**, with growing pauses, for about nine hours; then the delivery is set aside as dead, later
  ones go on, and `flask outbox list` and `retry` are for a person.
* **A database that is away costs no attempt**: its deliveries wait, those to other databases go on.

An event goes to the handlers that the publishing process knows. When a handler is new, deploy it before relying on it.
"""

from blog_app.background.outbox import upkeep
from blog_app.background.outbox.events import EVENTS
from blog_app.background.outbox.publishing import Away, Event, on, publish
from blog_app.background.outbox.wake_up import init_app

__all__ = ["EVENTS", "Away", "Event", "init_app", "on", "publish", "upkeep"]
