"""PostgreSQL with replicas, PgBouncer and Redis on this machine, for `make run` and for the tests.

`stack.Stack` starts them together in one folder; its owner can stop, kill, freeze and restart each of them. They listen
on the loopback address only, and end when the process that started them ends, however it ends.
"""
