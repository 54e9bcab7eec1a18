"""Background work: the outbox, periodic jobs, mail and the recording of the audit trail; the worker runs it."""
