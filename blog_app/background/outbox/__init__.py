"""The transactional outbox: events that cross logical databases.

    publish_event(databases.accounts, "user.left", subject=user.id)       # in the transaction of the change

    @event_handler("user.left", databases.shop)                           # in the domain that reacts
    def cancel_open_orders(event: Event) -> None:
        "Cancel the orders of a user who left that were not shipped yet."

`publish_event` inserts one row for each handler into the `outbox` table of the database that changes, pipelined with
COMMIT: the event is recorded if and only if the change commits. `flask worker`, of which any number may run, delivers
the rows.

Guarantees:

* **At-least-once delivery, exactly-once effect in the handler's database.** The handler and its row in
  `processed_events` of the database it writes to are one transaction; a delivery repeated after a crash finds the row
  and does nothing.
* **An external effect**, such as a mail, comes at least once (`event_handler(…, external=True)`): the handler is called
  outside any transaction, so that no slow service holds one open. The effect is repeated only if the worker dies, or
  cannot reach the outbox, between the effect and the deletion of the delivery.
* **Every attempt counts**, however it ends, because it is counted before it begins.
* **In order for each handler and subject**, if changes of one subject wait for one another (a row lock). Subjects and
  handlers do not wait for each other. Frequent events are handled in batches (`event_handler(…, batch=500)`).
* **A failure is retried** with exponential backoff, 20 attempts in about nine hours; then the delivery is dead, later
  ones proceed, and an operator uses `flask outbox list` and `retry`.
* **An unreachable database costs no attempt**: its deliveries wait, those to other databases proceed. A transaction
  that is lost costs one.

An event goes to the handlers that the publishing process knows. Deploy a new handler before relying on it.
"""
