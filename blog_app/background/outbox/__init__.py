"""The transactional outbox: events that cross logical databases.

    publish_event(databases.accounts, "user.left", subject=user.id)       # in the transaction of the change

    @event_handler("user.left", databases.shop)                           # in the domain that reacts
    def cancel_open_orders(event: Event) -> None:
        "Cancel the orders of a user who left that were not shipped yet."

`publish_event` inserts one row for each handler into the `outbox` table of the database that changes, pipelined with
COMMIT: the event is recorded if and only if the change commits. `flask worker`, of which any number may run, delivers
the rows.

Guarantees:

* **At-least-once delivery, exactly-once effect.** The handler and its row in `processed_events` of the database it
  writes to are one transaction; a delivery repeated after a crash finds the row and does nothing. A side effect outside
  that database, such as a mail, may happen twice if the worker dies right after it.
* **In order for each handler and subject**, if changes of one subject wait for one another (a row lock). Subjects and
  handlers do not wait for each other. Frequent events are handled in batches (`event_handler(…, batch=500)`).
* **A failure is retried** with exponential backoff for about nine hours; then the delivery is dead, later ones proceed,
  and an operator uses `flask outbox list` and `retry`.
* **An unreachable database costs no attempt**: its deliveries wait, those to other databases proceed.

An event goes to the handlers that the publishing process knows. Deploy a new handler before relying on it.
"""
