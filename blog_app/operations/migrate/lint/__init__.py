"""The lint of migrations: dangers found before a migration runs, by squawk's rules and by rules of our own.

A migration declares a finding safe by its reason: `safe = {"ban-drop-column": "no code reads it since release 12"}`.
Lint needs no database; a live one adds its schema, the sizes of its tables, and what a trial run shows.

linter           runs all rules on the preview of a migration
squawk           squawk's rules; exemptions: where they refuse what is harmless
rules            our own rules; beside it those on one subject each:
                 function_rules  settings, functions, code that cannot be seen into
                 lock_rules      locks that the statements of a transaction take together
                 object_rules    names, indexes, keys, privileges, inheritance
                 row_rules       rows that a statement changes
                 statement_rules statements that no rule knows, or that change what others use
                 trial_rules     what a trial run on empty copies has shown
                 type_rules      types of columns
context          what a rule knows besides its statement; known_schema: the tables that the statement meets
rollbacks        whether a rollback undoes what its migration does
lock_modes       which locks a statement takes
names            which objects a statement names
syntax           SQL as a syntax tree
"""
