"""The lint of migrations: dangers found before a migration runs, by squawk's rules and by rules of our own.

A migration declares a finding safe by its reason: `safe = {"ban-drop-column": "no code reads it since release 12"}`.
Lint needs no database; a live one only adds how big the tables are.

linter        runs all rules on the preview of a migration
squawk        squawk's rules; exemptions: where they refuse what is harmless
rules         our own rules; type_rules: on column types; row_rules: on the rows that a statement changes
context       what a rule knows besides its statement; known_schema: the tables that the statement meets
rollbacks     whether a rollback undoes what its migration does
lock_modes    which locks a statement takes
names         which objects a statement names
syntax        SQL as a syntax tree
"""
