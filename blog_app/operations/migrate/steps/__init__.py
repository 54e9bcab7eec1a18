"""The steps of a migration that are made for tables in use: each looks at what is already there, and goes on from it.

base          what a step is, and which operations may run in a transaction
backfill      UPDATE in batches
constraints   CHECK, foreign key and NOT NULL: added NOT VALID, then validated
indexes       CREATE and DROP INDEX CONCURRENTLY
expand        renames and changes of type in two releases
"""
