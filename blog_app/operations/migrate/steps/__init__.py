"""The steps for tables in use: each looks at what is already there, so that a killed run can be resumed.

base          what a step is, and which operations may run in a transaction
backfill      UPDATE in batches
constraints   CHECK, foreign key and NOT NULL: added NOT VALID, then validated
indexes       CREATE and DROP INDEX CONCURRENTLY
expand        renames and changes of type in two releases
"""
