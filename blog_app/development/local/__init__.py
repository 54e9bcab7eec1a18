"""PostgreSQL (with replicas), PgBouncer and Redis on this machine, for `make run` and for the tests.

`stack.Stack` starts them together in one folder; each can be stopped, killed, frozen and started again by whoever
holds it. They listen on the loopback address only and end when the process that started them ends, however it ends.
"""
