"""What happens after the answer: the outbox, periodic jobs, mail and the audit trail, run by the worker."""
